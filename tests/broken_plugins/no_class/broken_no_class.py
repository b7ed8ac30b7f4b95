"""Names an object where a class belongs."""

driver = object()
