"""The HTTP status of every error; no other module connects the two."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import falcon
import falcon.asgi
import structlog

from orchestrator_core import errors
from orchestrator_core.api.problem import PHRASES
from orchestrator_core.broker.operations.operation import Operation

_log = structlog.get_logger(__name__)

STATUSES: Final[dict[type[errors.OrchestratorError], int]] = {
    errors.OrchestratorError: 500,
    errors.UnknownCloud: 500,
    errors.RequestError: 400,
    errors.KeyInUse: 409,
    errors.KeyReused: 422,
    errors.StateUnavailable: 503,
    errors.Superseded: 503,
    errors.Held: 503,
    errors.DestroyLimit: 429,
    errors.Forbidden: 403,
    errors.Unsupported: 501,
    errors.PluginError: 503,
    errors.CloudError: 502,
    errors.CloudUnavailable: 503,
    errors.CircuitOpen: 503,
    errors.CloudBusy: 503,
    errors.CloudTimeout: 504,
    errors.RateLimited: 429,
}
"""The statuses of error classes. An error has the status of its nearest ancestor in this table."""


class Unauthenticated(errors.OrchestratorError):
    """No valid token came with the request."""

    code = "unauthenticated"


class TooManyRequests(errors.OrchestratorError):
    """The caller has as many requests in flight as it may have.

    Args:
        limit: the most requests of one caller that may be in flight.
    """

    # 429 and not 503: the server works and serves other callers (RFC 6585, 4).
    code = "too_many_requests"
    retry_after = 1

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This caller has {limit} requests in flight in this process, which is its limit; "
            "wait for their answers"
        )


class BodyRefused(errors.OrchestratorError):
    """A refusal of a body that is too large, too slow or not JSON; ``status`` says which."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code  # type: ignore[misc]  # one class with several codes


class MethodNotImplemented(errors.Unsupported):
    """The route does not serve this method or action."""

    code = "not_implemented"

    def __init__(self) -> None:
        super().__init__("Not implemented")


class InvalidHeader(errors.InvalidParameter):
    """A header of the request is malformed, or not accepted by the cloud."""


class InvalidBody(errors.InvalidParameter):
    """The body as a whole is malformed: it is not one JSON object."""

    def __init__(self, reason: str) -> None:
        """Take what is wrong with the body."""
        super().__init__("body", reason)


class NoSuchRecord(errors.OrchestratorError):
    """There is no operation, assignment or orphan of this id."""

    code = "no_such_record"


class RecordedError(errors.OrchestratorError):
    """The recorded error of an operation, raised again.

    Args:
        code: the code of the recorded error.
        message: the message of the recorded error.
        operation_id: the id of the operation.
    """

    def __init__(self, code: str, message: str, operation_id: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # one class for every recorded error
        self.operation_id = operation_id


def recorded_error(operation: Operation) -> RecordedError:
    """Return the error with which an operation ended."""
    code = operation.error_code or "internal_error"
    message = operation.error_message or f"The operation is {operation.state}"
    return RecordedError(code, message, operation.id)


class NoCloudAnswered(errors.CloudError):
    """None of the clouds that were asked at once answered.

    Args:
        clouds: the report of each cloud.
    """

    code = "no_cloud_answered"

    def __init__(self, clouds: list[dict[str, Any]]) -> None:
        super().__init__("None of the clouds answered")
        self.clouds = clouds


_FRAMEWORK: Final = {404: "not_found", 500: "internal_error"}
"""Codes of errors that Falcon itself raises; all its other errors are ``bad_request``."""

_EDGE: Final[dict[type[errors.OrchestratorError], int]] = {
    Unauthenticated: 401,
    NoSuchRecord: 404,
    TooManyRequests: 429,
    NoCloudAnswered: 503,
}
"""The statuses of errors that only the API raises."""


def status_of(error: errors.OrchestratorError) -> int:
    """Return the HTTP status of a domain error."""
    if isinstance(error, BodyRefused):
        return error.status
    if isinstance(error, RecordedError):
        kind = kind_of(error.code)
        return 502 if kind is None else status_of_class(kind)
    if isinstance(error, errors.ReleasedNotDestroyed):
        return max(502, status_of(error.cause))
    return status_of_class(type(error))


def status_of_class(kind: type[errors.OrchestratorError]) -> int:
    """Return the HTTP status of a class of errors."""
    if kind in _EDGE:
        return _EDGE[kind]
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


_kinds: Final[dict[str, type[errors.OrchestratorError]]] = {}


def kind_of(code: str) -> type[errors.OrchestratorError] | None:
    """Return the class of errors with a code; None if there is none."""
    if code not in _kinds:  # also a class that a plugin has defined since
        _kinds.update(_kinds_by_code(errors.OrchestratorError))
    return _kinds.get(code)


def _kinds_by_code(
    kind: type[errors.OrchestratorError],
) -> dict[str, type[errors.OrchestratorError]]:
    """Return the classes of errors at and below a class, by their code."""
    found = {kind.code: kind} if "code" in vars(kind) else {}
    for below in kind.__subclasses__():
        found |= _kinds_by_code(below)
    return found


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed request, before a version of the API gives it its form.

    Attributes:
        status: the status by the tables above, or by Falcon.
        code: the error code.
        error: the domain error; None for an error of Falcon's and for an unexpected one.
    """

    status: int
    message: str
    code: str
    error: errors.OrchestratorError | None = None


Form = Callable[[falcon.asgi.Request, falcon.asgi.Response, Fault], None]
"""A function that sets a fault as the answer, in the form of a version."""


def install(app: falcon.asgi.App[Any, Any], form_of: Callable[[str], Form]) -> None:
    """Install handlers that answer every failed request in the form of its version.

    Args:
        app: the application.
        form_of: the form of the version to which a path belongs.
    """

    async def domain(
        req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Exception, _params: Any
    ) -> None:
        assert isinstance(error, errors.OrchestratorError)
        _set_headers(resp, error)
        fault = Fault(status_of(error), error.message, error.code, error)
        form_of(req.path)(req, resp, fault)

    async def framework(
        req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Exception, _params: Any
    ) -> None:
        assert isinstance(error, falcon.HTTPError)
        status = error.status_code if error.status_code in PHRASES else 400
        if isinstance(error, falcon.HTTPRouteNotFound):
            message = "There is nothing at this path; the API begins at /api/v1/ and /api/v2/"
        else:
            message = error.description or error.title or PHRASES[status][0]
        fault = Fault(status, message, _FRAMEWORK.get(status, "bad_request"))
        form_of(req.path)(req, resp, fault)

    async def unexpected(
        req: falcon.asgi.Request, resp: falcon.asgi.Response, error: Exception, _params: Any
    ) -> None:
        request_id = getattr(req.context, "request_id", "-")
        _log.error("unexpected error", request_id=request_id, path=req.path, exc_info=error)
        message = f"Unexpected error; the server's log has it under request {request_id}"
        form_of(req.path)(req, resp, Fault(500, message, "internal_error"))

    app.add_error_handler(Exception, unexpected)
    app.add_error_handler(errors.OrchestratorError, domain)
    app.add_error_handler(falcon.HTTPError, framework)


def _set_headers(resp: falcon.asgi.Response, error: errors.OrchestratorError) -> None:
    if isinstance(error, BodyRefused):
        resp.set_header("Connection", "close")  # the rest of the body is not a request
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        resp.set_header("Retry-After", str(math.ceil(retry_after)))
    if isinstance(error, Unauthenticated):
        resp.set_header("WWW-Authenticate", 'Bearer realm="orchestrator"')


def details_of(error: errors.OrchestratorError | None) -> dict[str, Any]:
    """Return the further keys of an error's answer."""
    details: dict[str, Any] = {}
    if isinstance(error, errors.InvalidParameter):
        details["field"] = error.field
    if isinstance(error, errors.ReleasedNotDestroyed):
        details["node"] = error.node_id
    if error is not None and error.operation_id is not None:
        details["operation"] = error.operation_id
    if isinstance(error, NoCloudAnswered):
        details["clouds"] = error.clouds
    return details
