"""The history of the extension's table; Alembic runs it."""
