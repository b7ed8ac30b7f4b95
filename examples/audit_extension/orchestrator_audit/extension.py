"""The extension: sees every call before it is made, and when it has ended."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields

from orchestrator_core import Call, ExtensionContext, Outcome, hookimpl


class AuditSettings(Schema):
    """Whether calls that change nothing are written down too."""

    reads = fields.Boolean(load_default=False)


class Audit:
    """Writes an entry before a change begins, and one when it has ended.

    Whether a change is made that cannot be written down is the core's ``on_failure``: by default
    it is not.

    Args:
        context: what the core gives; the trail is in its database.
        settings: as :class:`AuditSettings` loads them.

    Raises:
        ValidationError: where there is no database.
    """

    settings_schema = AuditSettings
    migrations = "orchestrator_audit.migrations"

    def __init__(self, context: ExtensionContext, settings: dict[str, Any]) -> None:
        if context.state is None:
            raise ValidationError("needs a database to write to, [state]")
        from orchestrator_audit.trail import Trail  # noqa: PLC0415 - needs SQLAlchemy

        self._trail = Trail(context.state)
        self._reads: bool = settings["reads"]

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Write down that a change is about to be made."""
        if call.operation_id is not None:
            self._trail.begun(call)

    @hookimpl
    def after_call(self, call: Call, outcome: Outcome) -> None:
        """Write down how a call has ended."""
        if call.operation_id is not None or self._reads:
            self._trail.ended(call, outcome)
