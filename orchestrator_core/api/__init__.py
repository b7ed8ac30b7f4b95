"""The HTTP edge: versions, middleware, strict JSON, and errors as callers see them."""
