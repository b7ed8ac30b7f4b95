"""The parameters and headers of version 2, described once for all routes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from marshmallow import fields, validate

from orchestrator_core.api.v2.label_selector import EXAMPLE
from orchestrator_core.api.v2.sorting import KEYS
from orchestrator_core.api.v2.words import KINDS_OF_WORDS
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.states import AssignmentState, OperationState
from orchestrator_core.model import NodeState


def _text(description: str, example: str = "") -> fields.String:
    about = {"description": description, **({"example": example} if example else {})}
    return fields.String(metadata=about)


def _one_of(description: str, *options: str) -> fields.String:
    about = {"description": description}
    return fields.String(validate=validate.OneOf(options), metadata=about)


QUERY: Final[Mapping[str, fields.Field[Any]]] = MappingProxyType(
    {
        "limit": fields.Integer(
            validate=validate.Range(1, 1000),
            metadata={
                "description": "The most items of the page. Without it, a list of a cloud comes "
                "whole, and a list of records has 100 items.",
                "example": 100,
            },
        ),
        "cursor": _text("The value of `next` in the page before, which had the same `sort`."),
        "name": _text("The name; `*` stands for any characters.", "web-*"),
        "owner": _text("The account that owns the image, in the cloud's own words."),
        "architecture": _text("The architecture of the processor.", "x86_64"),
        "node_state": _one_of("The state of the VM.", *(state.value for state in NodeState)),
        "label_selector": _text(
            "Requirements on the tags, separated by commas, all of which must be met: `key`, "
            "`!key`, `key=value`, `key!=value`, `key in (a,b)`, `key notin (a,b)`. `!=` and "
            "`notin` also fit a VM without the tag.",
            EXAMPLE,
        ),
        "sort": _text(
            f"Fields to sort by, separated by commas: {', '.join(f'`{name}`' for name in KEYS)}. "
            "A `-` before a field sorts it in descending order. VMs without a value come last.",
            "name,-created_at",
        ),
        "clouds": _text("Names of clouds, separated by commas; without it all clouds."),
        "cloud": _text("Only records of this cloud."),
        "operation_state": _one_of("The state of the operation.", *OperationState),
        "assignment_state": _one_of("The state of the assignment.", *AssignmentState),
        "kind": _one_of(f"The kind of the operation. {KINDS_OF_WORDS}", *KINDS),
        "node": _text("The cloud's id of the VM."),
        "hostname": _text("The hostname of the VM."),
        "user": _text("The user who holds the VM."),
        "application": _text("The application for which the VM is assigned."),
        "caller": _text("The name of the token that asked for the change."),
        "backend": _text("The assignment backend."),
        "request_id": _text("The id of the request, from `X-Request-ID`."),
        "wait": _text(
            "How long to wait for the end of the operation: `500ms`, `30s`, `1m` or a "
            "number of seconds; at most 60 s. Without it, the answer comes at once.",
            "30s",
        ),
    }
)
"""The parameters of queries. ``node_state`` and its like are all called ``state``."""

HEADERS: Final[Mapping[str, fields.Field[Any]]] = MappingProxyType(
    {
        "Idempotency-Key": _text(
            "A text of your own for this change, of 1 to 255 characters of printable ASCII, with "
            "or without quotes. The same key of the same caller for the same method, path and body "
            "gets the first answer again, and nothing is done twice. With another body it is "
            "refused with 422."
        ),
        "Prefer": _text(
            "`respond-async` to be answered with 202 at once; `wait=30` to wait at most 30 s. "
            "Without it, the answer comes when the change is made.",
            "wait=30",
        ),
        "If-Match": _text(
            "The ETag of the assignment that you mean: its generation in quotes. If the VM has "
            "another one by now, the answer is 412. `*` and lists of ETags are refused with 400.",
            '"1"',
        ),
        "If-None-Match": _text(
            "The ETag of an earlier answer; the answer is 304 if nothing has changed."
        ),
        "X-Cloud-Hints": _text("Hints for the cloud's driver, if its settings allow them."),
    }
)
"""The headers of requests."""


SEGMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cloud": "The name of the cloud in the settings, from `/clouds`.",
        "node": "The cloud's id of the VM; it may contain slashes.",
        "assignment_id": "The id of the assignment.",
        "operation_id": "The id of the operation.",
        "orphan_id": "The id of the orphan.",
    }
)
"""The parameters of paths."""


def name_of(parameter: str) -> str:
    """Return the name of a parameter in the query."""
    return "state" if parameter.endswith("_state") else parameter
