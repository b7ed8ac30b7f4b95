"""Gunicorn's HTTP protocol with time limits, and with our errors instead of plain text."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from gunicorn.asgi.parser import ParseError
from gunicorn.asgi.protocol import ASGIProtocol

from orchestrator_core.api.body_parts import PartCounter
from orchestrator_core.api.problem import PHRASES, problem

_MESSAGES: Final = {
    400: ("malformed_request", "This is no well-formed HTTP request"),
    408: ("request_timeout", "The request did not arrive in time"),
    414: ("uri_too_long", "The request line is too long"),
    431: ("headers_too_large", "The headers are too many or too long"),
    500: ("internal_error", "Unexpected error; the server's log has it"),
    501: ("not_implemented", "This transfer coding is not implemented"),
}
"""What is said of a request that gunicorn refuses; its own words quote the request."""


class Protocol(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """One connection.

    Gunicorn 27.0's ASGI worker waits for ever for the first request's headers, and for a
    client that does not read its answer. Here both end after a time that the settings give:
    ``header_timeout`` and ``body_timeout`` seconds.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._limits = worker.limits
        self._stalled: asyncio.TimerHandle | None = None
        self._received = False
        self._parts = PartCounter()

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        self._wait(self._limits.header_timeout, self._headers_late)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take what came; refuse whatever gunicorn's parser does not understand.

        Gunicorn catches the errors that its parser raises on purpose. Others, a
        Content-Length of 5,000 digits for one, would be logged as a fault of the server and
        leave the client without an answer.
        """
        self._received = True
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - no byte sequence may pass for our own fault
            self.log.info("A malformed request was refused (%s)", type(error).__name__)
            self._refuse(400)

    def _on_body(self, chunk: bytes) -> None:
        """Count the chunks of a body: gunicorn parses all that has arrived in one go."""
        if self._parts.add(len(chunk)):
            raise ParseError("The chunks of the body are too small")
        super()._on_body(chunk)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection, and free what its request held.

        Gunicorn would let the request go on for some seconds. What may not be broken off, a
        change under way, is shielded from it.
        """
        self._stop_waiting()
        super().connection_lost(exc)
        self._cancel_task_if_pending()

    def pause_writing(self) -> None:
        """The client does not read: begin to wait until it does."""
        self._wait(self._limits.body_timeout, self._abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stop_waiting()
        super().resume_writing()

    def _on_headers_complete(self) -> Any:
        self._stop_waiting()
        self._parts = PartCounter()
        return super()._on_headers_complete()

    def _wait(self, seconds: float, then: Any) -> None:
        self._stop_waiting()
        self._stalled = self.worker.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _headers_late(self) -> None:
        if self._received:
            self._send_error_response(408, "")
        self._close_transport()
        self._end_loop()

    def _refuse(self, status: int) -> None:
        """Answer with an error and close: nothing more of this connection can be understood."""
        self._send_error_response(status, "")
        self._close_transport()
        self._end_loop()

    def _end_loop(self) -> None:
        """Let the connection's own loop see that it is closed."""
        if self._request_ready is not None:
            self._request_ready.set()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        if status not in PHRASES:
            status = 400
        code, text = _MESSAGES.get(status, _MESSAGES[400])
        body = problem(status, text, code)
        lines = [
            f"HTTP/1.1 {status} {PHRASES[status][0]}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in extra_headers),
            "Connection: close",
        ]
        self._safe_write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
