"""Gunicorn's HTTP protocol with time limits, and with JSON errors instead of plain text."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from gunicorn.asgi.parser import ParseError, UnsupportedTransferCoding

from orchestrator_core.api.body_parts import PartCounter
from orchestrator_core.api.metrics.own_address import SCOPE_KEY
from orchestrator_core.api.problem import PHRASES, problem
from orchestrator_core.server.connection import Connection
from orchestrator_core.server.forwarded import client_of, is_trusted
from orchestrator_core.server.target import is_host, parse_absolute, prefix_of

_MESSAGES: Final = {
    400: ("malformed_request", "This is not a well-formed HTTP request"),
    408: ("request_timeout", "The request did not arrive in time"),
    414: ("uri_too_long", "The request line is too long"),
    431: ("headers_too_large", "The headers are too many or too long"),
    500: ("internal_error", "Unexpected error; the server's log has it"),
    429: ("too_many_requests", "This address has too many connections; close some"),
    501: ("not_implemented", "This transfer coding is not implemented"),
}
"""The answers to requests that gunicorn refuses; gunicorn's own texts quote the request."""

_NO_HOST: Final = "An HTTP/1.1 request needs a Host header"
_WRONG_HOST: Final = "The Host header is not a valid host and port"
_WRONG_TARGET: Final = "The request target is not a valid path or http URL"
_OUR_SENTENCES: Final = frozenset({_NO_HOST, _WRONG_HOST, _WRONG_TARGET})

_LARGEST_LENGTH: Final = 2**63 - 1
"""The greatest number in proxies; with a greater length they may see another end of the body."""

_PREFIX_HEADER: Final = b"x-forwarded-prefix"
_CLIENT_HEADER: Final = b"x-forwarded-for"


class Protocol(Connection):
    """One connection.

    Gunicorn 27.0's ASGI worker waits without limit for the headers of the first request, and for a
    client that does not read its answer. Here both waits end after a time from the settings:
    ``header_timeout`` and ``body_timeout`` seconds.

    Gunicorn's parsers take an absolute-form target for a path, need no Host in HTTP/1.1, and read a
    body in "gzip, chunked" as if it were in "chunked". This class follows RFC 9112 (3.2, 6.1).
    """

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._stalled: asyncio.TimerHandle | None = None
        self._received = False
        self._parts = PartCounter()
        self._trusts_peer = False
        self._counted: str | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the time limit of the first request."""
        self._wait(self._limits.header_timeout, self._headers_late)
        self._trusts_peer = is_trusted(transport.get_extra_info("peername"), self.cfg)
        super().connection_made(transport)
        if not self._trusts_peer:
            self._count(transport.get_extra_info("peername")[0])

    def _count(self, address: str) -> None:
        """Count the connection for its address; refuse it if the address has too many.

        The connections of a trusted proxy are not counted, because they belong to many callers.
        Neither are those of a Unix socket, whose clients have no address.
        """
        self._counted = address
        if not self.worker.connections.add(address):
            self.log.info("A connection was refused: %s has too many", address)
            self._send_error_response(429, "", [("Retry-After", "1")])
            self.end()

    def data_received(self, data: bytes) -> None:
        """Accept received data."""
        self._received = True
        super().data_received(data)

    def _feed(self, data: bytes) -> bool:
        """Parse received data; refuse all that gunicorn's parser does not understand.

        Gunicorn catches the errors that its parser raises on purpose. Other errors would be logged
        as a fault of the server and leave the client without an answer, for example the error for a
        Content-Length of 5,000 digits. A request that arrived behind another one is parsed here
        too.
        """
        try:
            return super()._feed(data)
        except Exception as error:  # noqa: BLE001 - no input may look like a fault of the server
            self.log.info("A malformed request was refused (%s)", type(error).__name__)
            self.refuse(400)
            return False

    def _on_body(self, chunk: bytes) -> None:
        """Count the chunks of a body; gunicorn parses all that has arrived in one step."""
        if self._parts.add(len(chunk)):
            raise ParseError("The chunks of the body are too small")
        super()._on_body(chunk)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer and end the request of the lost connection.

        Gunicorn would let the request run for some more seconds. A change in progress is shielded
        from this, because it must not be interrupted.
        """
        self._stop_waiting()
        if self._counted is not None:
            self.worker.connections.remove(self._counted)
            self._counted = None
        super().connection_lost(exc)
        self._cancel_task_if_pending()
        if self._task is None or self._task.done():
            self._forget()
        else:
            self._task.add_done_callback(self._forget)  # the task may still read both until then

    def _forget(self, _: object = None) -> None:
        """Break the cycles with the parser and the body, which both refer to this object.

        Otherwise they, and up to 256 KiB of data, would wait for Python's collector. It runs so
        rarely that a worker would grow by hundreds of MiB.
        """
        self._callback_parser: Any = None
        self._body_receiver = None

    def pause_writing(self) -> None:
        """Start the time limit for a client that does not read."""
        self._wait(self._limits.body_timeout, self._abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Cancel the time limit, because the client reads again."""
        self._stop_waiting()
        super().resume_writing()

    def _on_headers_complete(self) -> Any:
        self._stop_waiting()
        self._parts = PartCounter()
        _check_codings(self._callback_parser.headers)
        done = super()._on_headers_complete()
        request = self._current_request
        self._check_target(request)
        # Gunicorn uses only the last Connection field, or only the first.
        request.must_close = request.must_close or _asks_to_close(request.headers_bytes)
        return done

    def _check_target(self, request: Any) -> None:
        """Check a request's host, and split an absolute-form target (RFC 9112, 3.2).

        Raises:
            ParseError: when either is invalid; the answer is 400.
        """
        if request.content_length > _LARGEST_LENGTH:
            raise ParseError("a Content-Length of more than 63 bits")
        host = next((value for name, value in request.headers_bytes if name == b"host"), None)
        if host is None and request.version >= (1, 1):
            raise ParseError(_NO_HOST)
        if host is not None and not is_host(host):
            raise ParseError(_WRONG_HOST)
        if not request.uri:
            raise ParseError(_WRONG_TARGET)
        # The application refuses a CONNECT, whatever its target is.
        if not request.uri.startswith("/") and request.method != "CONNECT":
            self._take_apart(request)

    def _take_apart(self, request: Any) -> None:
        try:
            target = parse_absolute(request.method, request.uri.encode("latin-1"))
        except ValueError:
            raise ParseError(_WRONG_TARGET) from None
        if target is None:
            return  # the asterisk
        request.raw_path = target.path
        request.path = unquote_to_bytes(target.path).decode("utf-8", errors="replace")
        request.query = target.query.decode("latin-1")
        others = [header for header in request.headers_bytes if header[0] != b"host"]
        request.headers_bytes = [(b"host", target.authority), *others]

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> Any:
        """Return the ASGI scope; a trusted proxy names its client, and the path of this server."""
        scope = super()._build_http_scope(request, sockname, peername)
        if self._trusts_peer:
            told = [value for name, value in scope["headers"] if name == _PREFIX_HEADER]
            if told:
                prefix = prefix_of([value.decode("latin-1") for value in told])
                scope["root_path"] = prefix or scope["root_path"]
            told = [value for name, value in scope["headers"] if name == _CLIENT_HEADER]
            if told and (client := client_of(told, self.cfg)) is not None:
                scope["client"] = (client, 0)
        return scope

    def _is_websocket_upgrade(self, request: Any) -> bool:
        """Return False, because this server does not support WebSocket (RFC 9110, 7.8)."""
        return False

    def _wait(self, seconds: float, then: Any) -> None:
        self._stop_waiting()
        self._stalled = self.worker.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _headers_late(self) -> None:
        if self._received:
            self.refuse(408)
        else:
            self.end()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        self._is_malformed = True
        if self._closed:
            return  # the last answer is sent; gunicorn has one more for an interrupted request
        if status not in PHRASES:
            status = 400
        code, text = _MESSAGES.get(status, _MESSAGES[400])
        if message in _OUR_SENTENCES:
            text = message
        body = problem(status, text, code)
        lines = [
            f"HTTP/1.1 {status} {PHRASES[status][0]}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in extra_headers),
            "Connection: close",
        ]
        if getattr(self._callback_parser, "method", None) == b"HEAD":
            body = b""  # RFC 9110, 9.3.2
        self._safe_write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


class MetricsProtocol(Protocol):
    """The protocol of connections to the address of the metrics."""

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> Any:
        """Return the ASGI scope, which says that the request has come to this address."""
        scope = super()._build_http_scope(request, sockname, peername)
        scope[SCOPE_KEY] = True
        return scope


def _asks_to_close(headers: list[tuple[bytes, bytes]]) -> bool:
    """Return whether any option of all Connection fields is "close" (RFC 9112, 9.3)."""
    options = b",".join(value for name, value in headers if name == b"connection")
    return b"close" in (option.strip(b" \t") for option in options.lower().split(b","))


def _check_codings(headers: Any) -> None:
    """Refuse every transfer coding except chunked, because the body would be misread.

    Raises:
        UnsupportedTransferCoding: when there is another one; the answer is 501 (RFC 9112, 6.1).
    """
    for name, value in headers:
        if name.lower() == b"transfer-encoding" and value.strip(b" \t").lower() != b"chunked":
            raise UnsupportedTransferCoding
