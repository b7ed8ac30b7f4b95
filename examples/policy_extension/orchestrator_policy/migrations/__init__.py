"""The history of the extension's tables; Alembic runs it."""
