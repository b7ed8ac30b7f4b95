"""The column type of messages, which may hold what a cloud has said."""

from __future__ import annotations

from sqlalchemy import Dialect, Text, TypeDecorator

from orchestrator_core.redaction import redact


class Message(TypeDecorator[str]):
    """A text that is stored, and read, without secrets.

    A backup is copied to where no secret belongs. Reading redacts too: an older version may have
    written the row, or the secret have become known only since.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is stored."""
        return None if value is None else redact(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is read."""
        return None if value is None else redact(value)
