"""The parameters and headers of version 1, described once for all routes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from marshmallow import fields, validate

from orchestrator_core.api.v1.paging import MOST_ROWS
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.states import AssignmentState, OperationState


def _text(description: str, **more: Any) -> fields.String:
    return fields.String(metadata={"description": description, **more})


def _filled(description: str, **more: Any) -> fields.String:
    return _text(description, minLength=1, **more)


def _one_of(description: str, *options: str) -> fields.String:
    about = {"description": description}
    return fields.String(validate=validate.OneOf(options), metadata=about)


QUERY: Final[Mapping[str, fields.Field[Any]]] = MappingProxyType(
    {
        "limit": fields.Integer(
            validate=validate.Range(1, MOST_ROWS),
            metadata={"description": "The most items of the answer."},
        ),
        "marker": _filled("The value of `next_marker` in the answer before.", maxLength=1024),
        "name": _filled("The name; `*` stands for any characters."),
        "owner": _filled("The account that owns the image, in the cloud's own words."),
        "architecture": _filled("The architecture of the processor."),
        "clouds": _filled(
            "`*` or names of clouds, separated by commas; use `GET /api/v2/nodes` instead.",
            deprecated=True,
        ),
        "cloud": _text("The name of the cloud."),
        "operation_state": _one_of("The state of the operation.", *OperationState),
        "assignment_state": _one_of("The state of the assignment.", *AssignmentState),
        "kind": _one_of("The kind of the operation.", *KINDS),
        "node": _text("The cloud's id of the VM."),
        "hostname": _text("The hostname of the VM."),
        "user": _text("The user who holds the VM."),
        "vm_type": _text("The application for which the VM is assigned."),
        "caller": _text("The name of the token that asked for the change."),
        "backend": _text("The assignment backend."),
        "request_id": _text("The id of the request, from `X-Request-ID`."),
    }
)
"""The parameters of queries. ``operation_state`` and its like are all called ``state``."""

HEADERS: Final[Mapping[str, fields.Field[Any]]] = MappingProxyType(
    {
        "Idempotency-Key": _text(
            "The caller's own text for this change, which is made once.",
            pattern="^[ -~]{1,255}$",
        ),
        "Prefer": _text("`respond-async` to be answered with 202 once the change is recorded."),
        "X-Cloud-Hints": _text("Hints for the cloud's driver, if its settings allow them."),
    }
)
"""The headers of requests."""


def name_of(parameter: str) -> str:
    """Return the name of a parameter in the query."""
    return "state" if parameter.endswith("_state") else parameter
