"""The values of ``error_code`` in answers, each with its statuses, its meaning and advice.

Code, status and meaning come from the error classes. This module adds the advice, and the codes
without a class: refusals of HTTP itself, and ends of operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from orchestrator_core import errors, refusals
from orchestrator_core.api import errors as edge

_REPEAT_LATER: Final = "Repeat the request later."
_RETRY_AFTER: Final = "Wait as long as `Retry-After` says, then repeat the request."
_FIX: Final = "Correct the request."
_OPERATOR: Final = "Ask the operator."
_LOOK: Final = "Check the VM and the operation before you repeat the request."
_GONE_ON: Final = "Follow the operation; the durable worker finishes it."

_ADVICE: Final[Mapping[str, str]] = {
    "plugin": f"{_OPERATOR} The message and the server's log say what the plugin lacks.",
    "state_unavailable": f"{_RETRY_AFTER} Send changes with the same Idempotency-Key.",
    "destroy_held": f"{_OPERATOR} `orchestrator thaw` ends a freeze.",
    "assign_held": _OPERATOR,
    "destroy_limit": _RETRY_AFTER,
    "superseded": _GONE_ON,
    "forbidden": "Use an account that may do this.",
    "request": _FIX,
    "invalid_parameter": "Correct what `errors` names.",
    "not_found": "Correct the path, the id or the name.",
    "node_not_found": "Use an id from `/nodes`.",
    "image_not_found": "Use an id from `/images`.",
    "size_not_found": "Use an id from `/sizes`.",
    "location_not_found": "Use an id from `/locations`.",
    "conflict": "Check the VM; repeat the request when its state allows it, or change the name.",
    "idempotency_key_in_use": _RETRY_AFTER,
    "idempotency_key_reused": "Use a new key for a new request.",
    "quota_exceeded": (
        "Destroy VMs that are not needed, choose another size or location, or ask for a higher "
        "quota. The message contains the cloud's own words."
    ),
    "refused": "Read the reason in the message, and change the request.",
    "clock_in_doubt": f"{_OPERATOR} `orchestrator db clock` shows the details.",
    "already_assigned": "Choose another VM, or wait until it is released.",
    "not_assigned": "Assign the VM first, or correct its id or name.",
    "assignment_in_progress": _REPEAT_LATER,
    "no_lease": "Assign VMs with a `lease` if they are to be renewed.",
    "lease_ended": "Assign another VM; this one is being destroyed.",
    "stale_generation": "Read the assignment again, and pass its generation.",
    "protected": f"{_OPERATOR} `orchestrator protect --off CLOUD NODE` removes the protection.",
    "not_own": f"{_OPERATOR} `orchestrator orphans adopt CLOUD NODE` makes the VM one of its own.",
    "being_destroyed": "Choose another VM.",
    "being_renamed": _REPEAT_LATER,
    "is_orphan": _OPERATOR,
    "ambiguous_hostname": "Rename or destroy all but one of the VMs with this hostname.",
    "not_usable": "Choose another VM, or repeat the request when its state has changed.",
    "unknown_cloud": "Use a name from `/clouds`.",
    "unsupported": "`/clouds/{cloud}` shows what is supported.",
    "no_assignment_backend": f"{_OPERATOR} `[state]` or `[assignments.NAME]` configures one.",
    "cloud_error": f"{_REPEAT_LATER} The message contains the cloud's own words, if any.",
    "cloud_unavailable": _OPERATOR,
    "circuit_open": _RETRY_AFTER,
    "cloud_busy": _RETRY_AFTER,
    "cloud_timeout": f"{_REPEAT_LATER} Send changes with the same Idempotency-Key.",
    "cloud_unreachable": f"{_REPEAT_LATER} If the error persists, ask the operator.",
    "credentials_refused": f"{_OPERATOR} The message says what the cloud does not allow.",
    "rate_limited": _RETRY_AFTER,
    "invalid_answer": f"{_OPERATOR} The server's log has the details.",
    "start_failed": "Destroy the VM, and start another one.",
    "released_not_destroyed": "Destroy the VM that `node` names.",
    "internal_error": f"{_OPERATOR} The server's log has the error under the request id.",
    "unauthenticated": "Send a valid token.",
    "not_implemented": "Use a method that the header `Allow` names.",
    "no_such_record": "Correct the id.",
    "too_many_requests": f"{_RETRY_AFTER} Send fewer requests at the same time.",
    "no_cloud_answered": f"{_REPEAT_LATER} `clouds` has the error of each cloud.",
}
"""Advice to callers, by the code of an error's class."""

IN_VERSION_1: Final[Mapping[str, str]] = {
    "invalid_parameter": "In version 1, correct what `field` names.",
    "unknown_cloud": "In version 1, use a name from `/cloud`.",
    "unsupported": "In version 1, `/cloud/<cloud>` shows it.",
}
"""Additions to the advice for callers of version 1, whose answers have no advice."""

_HTTP: Final = (
    ("bad_request", 400, "The framework cannot read the request."),
    ("malformed_request", 400, "The bytes are not a well-formed HTTP request."),
    ("body_in_pieces", 400, "The body comes in too many tiny parts."),
    ("incomplete_body", 400, "The connection ended in the middle of the body."),
    ("body_timeout", 408, "The body did not arrive in time."),
    ("request_timeout", 408, "The headers did not arrive in time."),
    ("body_too_large", 413, "The body is larger than `max_body`."),
    ("uri_too_long", 414, "The request line is too long."),
    ("unsupported_media_type", 415, "The body is not plain `application/json`."),
    ("headers_too_large", 431, "The headers are too many or too long."),
)

_OPERATIONS: Final = (
    (
        "not_started",
        "The answer to the start was lost, and the cloud has no VM of this start.",
        "Start again.",
    ),
    (
        "not_ready",
        "The VM was started, but did not reach the state that `wait_for` names within an hour.",
        "Check the VM in its cloud, or destroy it.",
    ),
    ("still_there", "The cloud accepted the deletion and still shows the VM.", _GONE_ON),
    ("empty_listing", "The cloud lists no VM at all; its list is read again.", _GONE_ON),
    ("not_listed", "The cloud no longer lists the VM; its list is read once more.", _GONE_ON),
    ("contradiction", "The cloud's list shows a VM that its plugin calls missing.", _GONE_ON),
    (
        "state_changed",
        "The VM was powered on again after its deletion was requested, so it is not destroyed.",
        "Ask the operator: `operations retry` destroys the VM, and `operations abandon` keeps it.",
    ),
    ("not_visible_yet", "The VM is so new that the cloud may not show it yet.", _GONE_ON),
    ("not_made", "The backend does not show the assignment.", "Assign again."),
    ("not_begun", "Nothing was sent to the cloud before the deadline.", "Repeat the request."),
    ("unknown_outcome", "It is unknown whether the change was made.", _LOOK),
    ("release_unknown", "It is unknown whether the assignment was released.", _LOOK),
    (
        "caller_left",
        "The caller closed the connection before anything was sent.",
        "Repeat the request.",
    ),
    (
        "unknown_kind",
        "No running durable worker knows the kind or the step of the operation.",
        "Ask the operator: a server of the version that recorded the operation can continue it.",
    ),
    ("process_lost", "The process that ran the operation has ended.", _GONE_ON),
    ("abandoned", "The attempt was stopped early; another attempt follows.", _GONE_ON),
    ("deadline", "The deadline of the operation has passed.", _LOOK),
)
_OPERATION_STATUS: Final = 502

_NOT_OVER_HTTP: Final = (errors.SettingsError,)
"""Errors that only commands print: a server neither starts with such settings nor reloads them."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One ``error_code``.

    Attributes:
        code: the word that answers carry.
        statuses: the HTTP statuses of answers with this code.
        meaning: the meaning in one sentence.
        advice: the action that the caller should take.
    """

    code: str
    statuses: tuple[int, ...]
    meaning: str
    advice: str


def error_codes() -> list[ErrorCode]:
    """Return every error code of answers, by status and name."""
    found: dict[str, ErrorCode] = {}
    for one in (*_of_classes(errors.OrchestratorError), *_of_http()):
        known = found.get(one.code, one)
        statuses = tuple(sorted({*known.statuses, *one.statuses}))
        found[one.code] = ErrorCode(one.code, statuses, known.meaning, known.advice)
    return sorted(found.values(), key=lambda one: (one.statuses, one.code))


def codes_of_http(*, with_body: bool) -> dict[int, list[str]]:
    """Return the codes by which the server refuses requests before their route sees them.

    Args:
        with_body: whether the request has a body.
    """
    found: dict[int, list[str]] = {}
    for code, status, _ in _HTTP:
        if with_body or code not in _OF_BODIES:
            found.setdefault(status, []).append(code)
    return found


OF_UNREADABLE_HEADS: Final = frozenset(
    {"malformed_request", "request_timeout", "uri_too_long", "headers_too_large"}
)
"""The codes of requests whose version of the API is unknown, because their head is unreadable."""

_OF_BODIES: Final = frozenset(
    {
        *("body_in_pieces", "incomplete_body", "body_timeout"),
        *("body_too_large", "unsupported_media_type"),
    }
)


def operation_codes() -> list[ErrorCode]:
    """Return the codes that only an operation can end or wait with, besides those of errors."""
    return [ErrorCode(code, (_OPERATION_STATUS,), *words) for code, *words in _OPERATIONS]


@cache
def _known() -> dict[str, ErrorCode]:
    return {one.code: one for one in (*operation_codes(), *error_codes())}


def meaning_of(code: str) -> str:
    """Return the meaning of a code in one sentence; a general one for a plugin's own code."""
    return _known()[code].meaning if code in _known() else "The cloud refused the request."


def advice_on(code: str) -> str:
    """Return what a caller should do after an error with this code."""
    return _known()[code].advice if code in _known() else "Read the detail."


def _of_classes(kind: type[errors.OrchestratorError]) -> Iterator[ErrorCode]:
    """Yield the code of each of the core's own classes that has one; not those of plugins."""
    is_own = kind.__module__ in (errors.__name__, refusals.__name__, edge.__name__)
    if "code" in vars(kind) and is_own and kind not in _NOT_OVER_HTTP:
        meaning = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        if kind is errors.OrchestratorError:
            meaning = "Something unexpected happened."
        yield ErrorCode(kind.code, _statuses(kind), meaning, _ADVICE[kind.code])
    for below in kind.__subclasses__():
        yield from _of_classes(below)


def _statuses(kind: type[errors.OrchestratorError]) -> tuple[int, ...]:
    if kind is errors.ReleasedNotDestroyed:
        return (502, 503, 504)  # the status depends on the cause
    return (edge.status_of_class(kind),)


def _of_http() -> Iterator[ErrorCode]:
    yield ErrorCode("not_found", (404,), "", "")  # for an unknown path
    yield from (ErrorCode(code, (status,), meaning, _FIX) for code, status, meaning in _HTTP)
