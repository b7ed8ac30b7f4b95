"""The column type of messages, which may contain texts from a cloud."""

from __future__ import annotations

from sqlalchemy import Dialect, Text, TypeDecorator

from orchestrator_core.redaction import redact


class Message(TypeDecorator[str]):
    """A text column that removes secrets when it is written and when it is read.

    Backups are copied to places where no secret belongs. Reading removes secrets too, because an
    older version may have written the row, or the secret may have become known only later.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text to store, without secrets."""
        return None if value is None else redact(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the stored text, without secrets."""
        return None if value is None else redact(value)
