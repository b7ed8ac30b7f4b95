"""Faults that can be injected, and the settings for how often they happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, post_load, validate

from orchestrator_core import (
    CloudError,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    InvalidAnswer,
    OrchestratorError,
    QuotaExceeded,
)
from orchestrator_dummy.distribution import LONGEST, NEVER_LATE, Distribution, DistributionField

CHANGES: Final = ("start_vm", "stop_vm", "reboot_vm", "power_on_vm", "power_off_vm")

READS: Final = (
    "list_nodes",
    "list_images",
    "list_sizes",
    "list_locations",
    "get_node",
    "find_node",
)

OPERATIONS: Final = ("check", *READS, *CHANGES)
"""Every hook that a fault can hit; ``check`` only if the settings name it."""


class Fault(StrEnum):
    """One kind of fault. If several hit a call, they happen in this order."""

    HANG = "hang"
    RATE_LIMIT = "rate_limit"
    ERROR = "error"
    EMPTY = "empty"
    STUCK_DELETION = "stuck_deletion"
    LOST_ANSWER = "lost_answer"


ERRORS: Final[Mapping[str, tuple[type[OrchestratorError], str]]] = {
    "failed": (CloudError, "failed"),
    "unreachable": (CloudUnreachable, "could not be reached"),
    "credentials": (CredentialsRefused, "refused our credentials"),
    "quota": (QuotaExceeded, "has no quota left"),
    "conflict": (Conflict, "says that the state does not allow this"),
    "invalid_answer": (InvalidAnswer, "gave an invalid answer"),
}
"""Values of ``error``: the error to raise, and its text about the cloud."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Settings of ``[clouds.NAME.faults]``.

    Attributes:
        rates: the share of all calls that each fault hits, 0 to 1.
        deaf: whether a hang ignores an abort.
        retry_after: the seconds that a rate limit names; None for none.
        visible_after: the seconds until lists show a start or a stop.
    """

    seed: int | None = None
    operations: frozenset[str] = frozenset((*READS, *CHANGES))
    latency: Distribution = NEVER_LATE
    rates: Mapping[Fault, float] = field(default_factory=dict)
    deaf: bool = False
    error: str = "failed"
    retry_after: float | None = None
    visible_after: float = 0.0


def one_of(*words: str) -> Callable[[str], None]:
    """Return a validator that accepts these words and names them in its error."""

    def check(word: str) -> None:
        if word not in words:
            raise ValidationError(f'"{word}" must be one of: {", ".join(words)}')

    return check


def seconds() -> fields.Float:
    """Return a field for a length of time."""
    return fields.Float(validate=validate.Range(0, LONGEST), allow_nan=False)


def _rate() -> fields.Float:
    return fields.Float(validate=validate.Range(0, 1), allow_nan=False)


class FaultsSchema(Schema):
    """Schema of ``[clouds.NAME.faults]``, with a key ``..._rate`` for each :class:`Fault`."""

    seed = fields.Integer(strict=True)
    operations = fields.List(fields.String(validate=one_of(*OPERATIONS)))
    latency = DistributionField()
    hang_rate = _rate()
    deaf = fields.Boolean()
    rate_limit_rate = _rate()
    retry_after = seconds()
    error_rate = _rate()
    error = fields.String(validate=one_of(*ERRORS))
    empty_rate = _rate()
    stuck_deletion_rate = _rate()
    lost_answer_rate = _rate()
    visible_after = seconds()

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Faults:
        rates = {fault: data.pop(f"{fault}_rate") for fault in Fault if f"{fault}_rate" in data}
        if "operations" in data:
            data["operations"] = frozenset(data["operations"])
        return Faults(rates=rates, **data)
