"""Problem details: the form of every error of version 2 (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import falcon.asgi
import orjson

from orchestrator_core import errors, refusals
from orchestrator_core.api.error_codes import advice_on, meaning_of
from orchestrator_core.api.errors import STATUSES as STATUSES_OF_VERSION_1
from orchestrator_core.api.errors import (
    Fault,
    InvalidBody,
    InvalidHeader,
    MethodNotImplemented,
    details_of,
)
from orchestrator_core.redaction import redact

MEDIA_TYPE: Final = "application/problem+json"


class InvalidQuery(errors.InvalidParameter):
    """A parameter of the query is unknown, malformed or not accepted."""


STATUSES: Final[dict[type[errors.OrchestratorError], int]] = {
    errors.UnknownCloud: 404,
    errors.NodeNotFound: 404,
    errors.NotFound: 422,
    errors.InvalidParameter: 422,
    InvalidQuery: 400,
    InvalidHeader: 400,
    errors.Conflict: 409,
    errors.QuotaExceeded: 409,
    errors.Refused: 409,
    refusals.StaleGeneration: 412,
    errors.Unsupported: 422,
    MethodNotImplemented: 405,
}
"""The statuses that differ from those of version 1, by the nearest class in this table."""


def status_of(fault: Fault) -> int:
    """Return the status of a fault in version 2."""
    if fault.error is None:
        return fault.status
    for kind in type(fault.error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
        if kind in STATUSES_OF_VERSION_1:
            break
    return fault.status


def answer_problem(req: falcon.asgi.Request, resp: falcon.asgi.Response, fault: Fault) -> None:
    """Answer with problem details."""
    served = getattr(req.context, "served", None)
    if served is not None:
        resp.set_header("Allow", ", ".join(sorted(served)))
    resp.status = status_of(fault)
    resp.text = None
    resp.content_type = MEDIA_TYPE
    resp.data = orjson.dumps(_problem(req, fault, resp.status_code), default=str)


def _problem(req: falcon.asgi.Request, fault: Fault, status: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"urn:orchestrator:problem:{fault.code}",
        "title": meaning_of(fault.code).replace("`", ""),
        "status": status,
        "detail": _clean(fault.message),
        "error_code": fault.code,
        "advice": advice_on(fault.code),
        "request_id": getattr(req.context, "request_id", None),
    }
    if isinstance(fault.error, errors.InvalidParameter):
        body["detail"] = _clean(_sentence(fault.error))
        body["errors"] = [_located(fault.error, *one) for one in _faults(fault.error)]
        return body
    if isinstance(fault.error, MethodNotImplemented) and "served" in req.context:
        methods = ", ".join(sorted(req.context.served))
        body["detail"] = f"{req.method} is not served here; the methods are {methods}"
    return {**body, **details_of(fault.error)}


def _sentence(error: errors.InvalidParameter) -> str:
    return "; ".join(f"{field}: {reason}" for field, reason in _faults(error))


def _faults(error: errors.InvalidParameter) -> Iterator[tuple[str, str]]:
    yield error.field, error.reason
    yield from error.others


def _located(error: errors.InvalidParameter, field: str, reason: str) -> dict[str, str]:
    """Return a fault with its place: a JSON pointer into the body, or a parameter or header."""
    detail = _clean(reason)
    if isinstance(error, InvalidQuery | InvalidHeader):
        return {"parameter": field, "detail": detail}
    if isinstance(error, InvalidBody):
        return {"pointer": "#", "detail": detail}  # `#/body` would be a field of this name
    steps = re.findall(r"[^.\[\]]+", field)
    pointer = "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)
    return {"pointer": f"#{pointer}", "detail": detail}


def _clean(text: str) -> str:
    """Return a text without secrets, which can be encoded as UTF-8."""
    return redact(text).encode("utf-8", "replace").decode("utf-8")
