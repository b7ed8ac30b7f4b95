"""The extension, which sees every call before it is made and after it has ended."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields

from orchestrator_core import Call, ExtensionContext, Outcome, hookimpl


class AuditSettings(Schema):
    """The settings: whether calls that change nothing are recorded too."""

    reads = fields.Boolean(load_default=False)


class Audit:
    """Extension that writes an entry before a change begins and another when it has ended.

    The core's ``on_failure`` decides whether a change that cannot be recorded is made. By default
    it is refused.

    Args:
        context: The core's context; the trail is in its database.
        settings: The settings, loaded by :class:`AuditSettings`.

    Raises:
        ValidationError: There is no database.
    """

    settings_schema = AuditSettings
    migrations = "orchestrator_audit.migrations"

    def __init__(self, context: ExtensionContext, settings: dict[str, Any]) -> None:
        if context.state is None:
            raise ValidationError("needs a database; add [state] to the settings")
        from orchestrator_audit.trail import Trail  # noqa: PLC0415 - needs SQLAlchemy

        self._trail = Trail(context.state)
        self._reads: bool = settings["reads"]

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Record that a change is about to be made."""
        if call.operation_id is not None:
            self._trail.begun(call)

    @hookimpl
    def after_call(self, call: Call, outcome: Outcome) -> None:
        """Record how a call ended."""
        if call.operation_id is not None or self._reads:
            self._trail.ended(call, outcome)
