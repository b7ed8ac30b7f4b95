"""The extension, which checks every start before it is made and sees how every change ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from orchestrator_core import Call, ExtensionContext, Forbidden, Outcome, hookimpl
from orchestrator_policy.settings import PolicySettings

if TYPE_CHECKING:
    from orchestrator_policy.quota import Quota

_ENDS_A_VM = ("stop_vm", "release_vm")


class Policy:
    """Extension that denies names that do not match and VMs beyond the quota.

    Args:
        context: The core's context; a quota needs its database.
        settings: The settings, loaded by :class:`PolicySettings`.

    Raises:
        ValidationError: The settings have a quota, but there is no database.
    """

    settings_schema = PolicySettings
    fake = "orchestrator_policy.fake:fake"
    migrations = "orchestrator_policy.migrations"

    def __init__(self, context: ExtensionContext, settings: dict[str, Any]) -> None:
        pattern = settings["name_pattern"]
        self._clouds: list[str] | None = settings["clouds"]
        self._pattern = re.compile(pattern) if pattern is not None else None
        self._prefix: str = settings["name_prefix"]
        self._quota: Quota | None = None
        if settings["quota"] is not None:
            self._quota = _make_quota(context, settings["quota"])

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Deny a start, or set its name and take a place in the quota for it."""
        if call.operation != "start_vm" or not self._concerns(call):
            return
        self._name(call)
        if self._quota is not None:
            self._quota.reserve(call)

    @hookimpl
    def after_call(self, call: Call, outcome: Outcome) -> None:
        """Keep the place of a VM that exists; free the place of a VM that does not exist."""
        if self._quota is None or not self._concerns(call):
            return
        if call.operation == "start_vm":
            self._quota.settle(call, outcome)
        elif call.operation in _ENDS_A_VM and outcome.error is None and outcome.node_id:
            self._quota.ended(call.cloud, outcome.node_id)

    def _concerns(self, call: Call) -> bool:
        return self._clouds is None or call.cloud in self._clouds

    def _name(self, call: Call) -> None:
        """Check the caller's name against the pattern, then put the prefix before it."""
        name = call.parameters["name"]
        if self._pattern is not None and not self._pattern.fullmatch(name):
            raise Forbidden(f"Name {name!r} is not allowed; it must match {self._pattern.pattern}")
        prefix = self._prefix.format(caller=call.caller, cloud=call.cloud)
        if not name.startswith(prefix):
            call.parameters["name"] = prefix + name


def _make_quota(context: ExtensionContext, settings: dict[str, Any]) -> Quota:
    if context.state is None:
        raise ValidationError({"quota": ["needs a database; add [state] to the settings"]})
    from orchestrator_policy.places import Places  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_policy.quota import Quota  # noqa: PLC0415

    places = Places(context.name, context.state)
    return Quota(context.name, places, context.inventory, settings)
