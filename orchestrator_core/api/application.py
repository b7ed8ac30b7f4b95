"""The Falcon application, and the time limit on a request's body under any ASGI server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import falcon
import falcon.asgi

from orchestrator_core.api import errors
from orchestrator_core.api.admission import Admission, release
from orchestrator_core.api.auth import Authenticator
from orchestrator_core.api.body_parts import LEAST_PART, PartCounter
from orchestrator_core.api.docs_page.routes import DOCS
from orchestrator_core.api.health.routes import HEALTH
from orchestrator_core.api.metrics.own_address import SCOPE_KEY, refuse
from orchestrator_core.api.metrics.routes import METRICS
from orchestrator_core.api.middleware import Caretaker, Gatekeeper
from orchestrator_core.api.observer import Observer
from orchestrator_core.api.portions import in_portions
from orchestrator_core.api.router import API, add_routes, form_of
from orchestrator_core.api.services import Services
from orchestrator_core.api.turns import Turns
from orchestrator_core.api.unread_body import has_body, settling
from orchestrator_core.api.websocket import refuse_websocket
from orchestrator_core.origin import origin
from orchestrator_core.traces.tracer import tracer

_SMALL_PART: Final = 4096
"""The bytes of a body's part from which on it waits for its caller's turn."""

_BESIDE_API: Final = (DOCS, HEALTH, METRICS)
_BELOW: Final = tuple(f"{path}/" for path in _BESIDE_API)
"""The paths of this server outside the API, and the beginnings of the paths below them."""

_Message = dict[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class Application(falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]):
    """A Falcon application that drops a client which stalls while it sends its body.

    Args:
        body_timeout: the seconds allowed for the whole body.
        end_waits: the function that lets the requests answer that only wait for a VM.
        observer: the observer of all requests.
        traced: the function that makes an ASGI application with traces from one without.
    """

    def __init__(
        self,
        *,
        body_timeout: float,
        end_waits: Callable[[], None],
        observer: Observer,
        traced: Callable[[_App], _App] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._observer = observer
        self._answer: _App = self._serve if traced is None else traced(self._serve)
        self.end_waits = end_waits
        self._body_timeout = body_timeout
        self._portions = Turns()

    async def __call__(  # type: ignore[override]  # Falcon derives its ASGI app from its WSGI app
        self, scope: _Message, receive: _Receive, send: _Send
    ) -> None:
        """Serve one ASGI connection scope."""
        if scope["type"] == "websocket":
            await refuse_websocket(scope, send)
            return
        if scope["type"] == "http" and not isinstance(scope["headers"], list):
            _read_once(scope)
        if SCOPE_KEY in scope and scope["path"].rstrip("/") != METRICS:
            await refuse(send)
            return
        send = in_portions(send, self._portions)
        if scope.get("root_path"):
            scope = _below_prefix(scope)
        begun, failure = time.perf_counter(), None
        try:
            await self._answer(scope, receive, send)
        except BaseException as error:
            failure = error
            raise
        finally:
            release(scope)
            self._observer.end(scope, time.perf_counter() - begun, failure)
            del failure  # otherwise the error and this frame would keep each other alive

    async def _serve(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http" or not has_body(scope):
            await super().__call__(scope, receive, send)
            return
        body = _LimitedBody(receive, self._body_timeout, self._portions)
        if not scope.get("http_version", "1.1").startswith("2"):
            send = settling(send, body.receive, scope, lambda: body.is_whole)
        await super().__call__(scope, body.receive_later, send)


class _LimitedBody:
    """A request's body with one time limit for all of it.

    Args:
        receive: the server's ``receive``.
        seconds: the time limit, counted from the creation of this object.
        turns: the turns in which the parts of all bodies are processed.
    """

    def __init__(self, receive: _Receive, seconds: float, turns: Turns) -> None:
        self._receive = receive
        self._turns = turns
        self._seconds = seconds
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self._whole = False
        self._is_asked = False
        self._parts = PartCounter()

    @property
    def is_whole(self) -> bool:
        """Return whether the body has been received to its end."""
        return self._whole

    async def receive_later(self) -> _Message:
        """Return an empty part on the first call; later act as :meth:`receive`.

        Falcon asks for the first part before it looks up the route. Without the empty part, a
        caller without a token would be refused only after it had sent a part of its body, or had
        been asked to send it (RFC 9110, 10.1.1).
        """
        if self._is_asked:
            return await self.receive()
        self._is_asked = True
        return {"type": "http.request", "body": b"", "more_body": True}

    async def receive(self) -> _Message:
        """Return the server's next message.

        Raises:
            BodyRefused: when the body takes too long, arrives in tiny parts, or breaks off.
        """
        if self._whole:
            return await self._receive()  # after the body's end it only reports a disconnect
        message = await self._next_part()
        if message["type"] == "http.disconnect":
            # Falcon treats a disconnect as the end of the body, so an incomplete body might be
            # read as a complete one (RFC 9112, section 8: an incomplete message is an error).
            raise errors.BodyRefused(
                400, "incomplete_body", "The connection ended in the middle of the body"
            )
        size = len(message.get("body", b""))
        if size > _SMALL_PART:
            await self._turns.wait(origin.get().caller)
        if self._parts.add(size):
            raise errors.BodyRefused(
                400,
                "body_in_pieces",
                f"The body comes in parts of less than {LEAST_PART} bytes; send larger ones",
            )
        self._whole = not message.get("more_body", False)
        return message

    async def _next_part(self) -> _Message:
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError:
            raise self._late() from None
        # A part that has already arrived is returned without waiting, and only a wait checks the
        # time.
        if asyncio.get_running_loop().time() > self._ends_at:
            raise self._late()
        return message

    def _late(self) -> errors.BodyRefused:
        return errors.BodyRefused(
            408, "body_timeout", f"The body did not arrive within {self._seconds:g} s"
        )


def _read_once(scope: _Message) -> None:
    """Replace the scope's iterables, as the ASGI specification calls them, by lists and tuples."""
    scope["headers"] = [(name, value) for name, value in scope["headers"]]
    scope["server"] = tuple(scope.get("server") or ()) or None


def _below_prefix(scope: _Message) -> _Message:
    """Return a scope whose path has no prefix and whose root path has no final slash.

    A proxy may remove the prefix (nginx with a path in ``proxy_pass``) or keep it. Some servers add
    it again, as the ASGI specification describes.
    """
    prefix = scope["root_path"].rstrip("/")
    path = scope["path"]
    kept = path.removeprefix(prefix)
    if kept in _BESIDE_API or kept.startswith((API, *_BELOW)):
        path = kept
    elif path.rstrip("/") == prefix and prefix not in _BESIDE_API:  # there it is its own path
        path = "/"
    return {**scope, "root_path": prefix, "path": path}


def _traced() -> Callable[[_App], _App] | None:
    """Return the function that traces requests; None if this process makes no traces."""
    if not tracer().is_recording:
        return None
    # OpenTelemetry is loaded only if it is used.
    from orchestrator_core.api.traced_requests import TracedRequests  # noqa: PLC0415

    return TracedRequests


def build_application(services: Services) -> Application:
    """Return the application with the routes of every version."""
    settings = services.settings
    observer = Observer(settings.server)
    app = Application(
        body_timeout=settings.server.body_timeout,
        end_waits=services.broker.end_waits,
        observer=observer,
        traced=_traced(),
        middleware=[
            Gatekeeper(
                Authenticator(settings.auth, settings.server.hosts),
                Admission(settings.server.max_requests_per_caller),
                observer,
            ),
            Caretaker(services, observer),
        ],
    )
    app.req_options.strip_url_path_trailing_slash = True
    errors.install(app, form_of)
    add_routes(app, services, observer)
    return app
