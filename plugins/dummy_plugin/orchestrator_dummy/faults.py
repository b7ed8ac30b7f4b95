"""Faults that can be injected, and the settings for how often they happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from marshmallow import Schema, fields, post_load, validate

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

CHANGES: Final = (
    "start_vm",
    "stop_vm",
    "reboot_vm",
    "power_on_vm",
    "power_off_vm",
    "resize_vm",
    "rename_vm",
    "create_image",
)

READS: Final = (
    "list_nodes",
    "list_images",
    "list_sizes",
    "list_locations",
    "list_keypairs",
    "list_networks",
    "list_firewalls",
    "get_node",
    "find_node",
    "get_console_output",
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
    "invalid_answer": (InvalidAnswer, "returned an invalid answer"),
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


def one_of(*words: str) -> validate.OneOf:
    """Return a validator that accepts these words and names them in its error."""
    return validate.OneOf(words, error='"{input}" must be one of: {choices}')


def seconds(**about: str) -> fields.Float:
    """Return a field for a length of time, with its metadata."""
    metadata = {"unit": "seconds", **about}
    return fields.Float(validate=validate.Range(0, LONGEST), allow_nan=False, metadata=metadata)


def _rate(description: str) -> fields.Float:
    """Return a field for the share of all calls that a fault hits."""
    metadata = {"description": description, "unit": "share of the calls", "default": "`0`"}
    return fields.Float(validate=validate.Range(0, 1), allow_nan=False, metadata=metadata)


class FaultsSchema(Schema):
    """Schema of ``[clouds.NAME.faults]``, with a key ``..._rate`` for each :class:`Fault`."""

    seed = fields.Integer(
        strict=True,
        metadata={
            "description": "The beginning of the random numbers: the same seed gives the same "
            "faults in every run.",
            "unit": "none",
            "default": "a random one, which the log shows",
        },
    )
    operations = fields.List(
        fields.String(validate=one_of(*OPERATIONS)),
        metadata={
            "description": "The hooks that the faults hit.",
            "default": "all except `check`",
        },
    )
    latency = DistributionField(
        metadata={
            "description": "The additional time that each call takes. A call that reaches its "
            "deadline so is a 504, and nothing was done.",
            "toml_type": "number or text",
            "unit": "seconds",
            "default": "`0`",
            "allowed": '`"0.2"`, `"uniform(low, high)"`, `"normal(mean, deviation)"`, '
            '`"lognormal(median, sigma)"`, `"exponential(mean)"`',
        }
    )
    hang_rate = _rate("The call never ends by itself: a 504 at the deadline, nothing was done.")
    deaf = fields.Boolean(
        metadata={
            "description": "Whether a hang ignores the abort at the deadline too. Its thread is "
            "lost until the server ends; without threads every call is a 504 or 503.",
            "default": "`false`",
        }
    )
    rate_limit_rate = _rate("The cloud asks for fewer requests: a 429, nothing was done.")
    retry_after = seconds(
        description="The time that a rate limit names in `Retry-After`.",
        default="none is named",
    )
    error_rate = _rate("The cloud fails, and nothing was done: see `error`.")
    error = fields.String(
        validate=one_of(*ERRORS),
        metadata={
            "description": "The error of `error_rate`: `quota` and `conflict` are a 400, the "
            "others a 502.",
            "default": '`"failed"`',
        },
    )
    empty_rate = _rate("The list of nodes is empty: a 200 without nodes.")
    stuck_deletion_rate = _rate(
        "A stop is accepted, but the node stays in the state `stopping` (3)."
    )
    lost_answer_rate = _rate("A change is made and its answer is lost: a 502, and it was done.")
    visible_after = seconds(
        description="The time until what was started shows in lists, by its id and by its marker, "
        "and until what was stopped disappears there.",
        default="`0`",
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Faults:
        rates = {fault: data.pop(f"{fault}_rate") for fault in Fault if f"{fault}_rate" in data}
        if "operations" in data:
            data["operations"] = frozenset(data["operations"])
        return Faults(rates=rates, **data)
