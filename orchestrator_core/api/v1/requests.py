"""The bodies of requests that version 1 accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields, validate, validates_schema

from orchestrator_core.api.shared.requests import Lease, RequestSchema
from orchestrator_core.validation.text import Text


class _OneVm(RequestSchema):
    node = Text(metadata={"description": "The cloud's id of the VM."})
    hostname = Text(metadata={"description": "The name of the VM, instead of its id."})

    @validates_schema(skip_on_field_errors=True)
    def _one_of_both(self, data: Mapping[str, Any], **_: Any) -> None:
        if "node" not in data and "hostname" not in data:
            raise ValidationError("is missing, and so is hostname; give one of them", "node")


class WhichVmSchema(_OneVm):
    """``PUT /vm/stop`` and the other changes of one VM."""


_SPELLINGS: Final = sorted({*fields.Boolean.truthy, *fields.Boolean.falsy}, key=repr)
"""The ways to write true and false: the API document has ``"True"``, a text."""


class _Emulated(_OneVm):
    emulate = fields.Boolean(
        load_default=False,
        error_messages={"invalid": "must be true or false", "null": "must not be null"},
        metadata={
            "description": "Whether to answer with the example of the document, and do nothing.",
            "type": ["boolean", "string", "integer"],
            "enum": [True, False, *_SPELLINGS],
        },
    )


class AssignRequestSchema(_Emulated):
    """``PUT /vm/action/assign``."""

    user = Text(required=True)
    vm_type = Text(required=True)
    lease = Lease()


_MOST_GENERATIONS: Final = 2**31 - 1
"""The greatest number that fits the database's column."""


def _generation() -> fields.Integer:
    """Return a field for a generation, as the answer to an assign contains it."""
    wanted = f"must be a whole number from 1 to {_MOST_GENERATIONS}"
    return fields.Integer(
        strict=True,
        validate=validate.Range(1, _MOST_GENERATIONS, error=wanted),
        error_messages={"invalid": wanted, "null": "must not be null"},
    )


class ReleaseRequestSchema(_Emulated):
    """``PUT /vm/action/release``."""

    generation = _generation()


class RenewRequestSchema(_OneVm):
    """``PUT /vm/action/renew``."""

    lease = Lease(required=True)
    generation = _generation()
