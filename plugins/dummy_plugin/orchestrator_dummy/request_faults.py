"""Faults for one request, which a caller names in the header ``X-Cloud-Hints``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import Schema, ValidationError, fields

from orchestrator_core import InvalidParameter
from orchestrator_dummy.faults import ERRORS, OPERATIONS, Fault, one_of, seconds
from orchestrator_dummy.outcomes import Outcome

_NONE = "none"


class _Words(fields.Field[frozenset[str]]):
    """Words separated by commas."""

    def __init__(self, *known: str) -> None:
        super().__init__()
        self._check = one_of(*known)

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> frozenset[str]:
        words = frozenset(word.strip() for word in value.split(","))
        for word in sorted(words):
            self._check(word)
        return words


class HintsSchema(Schema):
    """Schema of all hints."""

    fault = _Words(*Fault, _NONE)
    operations = _Words(*OPERATIONS)
    latency = seconds()
    error = fields.String(validate=one_of(*ERRORS))
    retry_after = seconds()
    visible_after = seconds()


_SCHEMA = HintsSchema()

HINTS = (*_SCHEMA.fields, *Fault, _NONE)
"""Names that a caller may use: a hint, or a fault alone, which stands for ``fault=NAME``."""


def hinted(outcome: Outcome, operation: str, hints: Mapping[str, str]) -> Outcome:
    """Return the outcome that the caller wants for this call instead of the configured one.

    Args:
        outcome: the configured outcome.
        operation: the hook that is called.
        hints: the caller's hints.

    Raises:
        InvalidParameter: a hint is not valid; the message says what is.
    """
    wanted = _read(hints)
    if operation not in wanted.pop("operations", OPERATIONS):
        return outcome
    faults = {Fault(word) for word in wanted.pop("fault", outcome.faults) if word != _NONE}
    if "error" in wanted:
        faults.add(Fault.ERROR)
    if "retry_after" in wanted:
        faults.add(Fault.RATE_LIMIT)
    return replace(outcome, faults=frozenset(faults), **wanted)


def _read(hints: Mapping[str, str]) -> dict[str, Any]:
    try:
        read: dict[str, Any] = _SCHEMA.load(_spelt_out(hints))
    except ValidationError as error:
        raise InvalidParameter("X-Cloud-Hints", _reason(error), nothing_done=True) from None
    return read


def _spelt_out(hints: Mapping[str, str]) -> dict[str, str]:
    """Return the hints with a fault's name alone, such as ``hang``, written as ``fault=hang``."""
    alone = [name for name, value in hints.items() if not value and name in {*Fault, _NONE}]
    rest = {name: value for name, value in hints.items() if name not in alone}
    faults = [rest["fault"]] if "fault" in rest else []
    return {**rest, "fault": ",".join([*faults, *alone])} if alone else rest


def _reason(error: ValidationError) -> str:
    name, messages = next(iter(error.messages_dict.items()))
    if name not in _SCHEMA.fields:
        return f'there is no hint "{name}" here; there are: {", ".join(_SCHEMA.fields)}'
    message = messages[0].rstrip(".")
    return f"{name}: {message[:1].lower()}{message[1:]}"
