"""The page ``/docs`` with its files: Swagger UI over the description of the API."""
