"""A connection: it is read in portions, limits a request's head, and ends without a reset."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from gunicorn.asgi.protocol import ASGIProtocol

from orchestrator_core.server.intake import Intake
from orchestrator_core.server.lingering import Lingering
from orchestrator_core.server.tls_end import TlsEnd

_MOST_DROPPED: Final = 8
"""The most input to read and drop so that the client sees its answer, as a multiple of max_body."""

_NAMELESS: Final = b"Unknown\r\n"
_PHRASE_AT: Final = len(b"HTTP/1.1 412 ")

_EMPTY_LINES: Final = re.compile(rb"(?:\r\n)*+")


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's connection, with short parsing steps and an end that does not lose the answer.

    Gunicorn 27.0 parses all the data of one read, up to 256 KiB, in one step. It limits each header
    field, but not all of them together. It skips only one empty line before a request (RFC 9112,
    2.2). If a body is not read to its end, gunicorn closes the connection without announcing it and
    with unread data in it. The client may then see a reset instead of the answer (RFC 9112, 9.6).
    """

    _closed: bool
    _response_buffer: bytes

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._limits = worker.limits
        self._intake: Intake | None = None
        self._lingering: Lingering | None = None
        self._tls_end: TlsEnd | None = None
        self._line_begun = False
        self._held = b""
        self._head_size = 0
        self._is_last_answer = False
        self._is_malformed = False

    def connection_made(self, transport: Any) -> None:
        """Prepare to read."""
        self._intake = Intake(self.worker.loop, transport, self._take, self._read_on)
        # A PROXY line of version 2 begins with empty lines; it is the first line of the connection.
        self._line_begun = getattr(self.cfg, "proxy_protocol", "off") != "off"
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Parse the received data, or drop it after the last answer."""
        if self._lingering is not None:
            self._lingering.drop(len(data))
        elif self._intake is not None:
            self._intake.put(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the data that waits to be parsed."""
        if self._lingering is not None:
            self._lingering.stop()
        if self._tls_end is not None:
            self._tls_end.stop()
        if self._intake is not None:
            self._intake.drop()
            self._intake = None  # it refers to this object, and a cycle would keep the data
        super().connection_lost(exc)

    def parse(self, data: bytes) -> None:
        """Parse a portion of the received data."""
        super().data_received(data)

    def refuse(self, status: int) -> None:
        """Answer with an error and close: the rest of this connection cannot be understood."""
        self._send_error_response(status, "")
        self.end()

    def end(self) -> None:
        """Close the connection and wake its own loop, which then sees the end."""
        self._close_transport()
        if self._request_ready is not None:
            self._request_ready.set()

    def _take(self, data: bytes) -> None:
        if self._lingering is None:
            self.parse(data)
        else:
            self._lingering.drop(len(data))

    def _read_on(self) -> None:
        if not self._reading_paused and self.transport is not None:
            self.transport.resume_reading()

    # --- a request's head ---------------------------------------------------------------

    def _feed_callback_parser(self, data: bytes) -> bool:
        if self._current_request is not None:
            return self._feed(data)
        if not self._line_begun:
            data = self._held + data
            empty = _EMPTY_LINES.match(data)
            data = data[empty.end() :] if empty else data
            self._held = data if data in (b"", b"\r") else b""
            if data == self._held:
                return True
            self._line_begun = True
        return self._feed_head(data)

    def _feed_head(self, data: bytes) -> bool:
        """Parse no more than a head may have; return whether the connection continues."""
        head = data[: self._limits.limit_request_head - self._head_size]
        if not self._feed(head):
            return False
        rest = data[len(head) :]
        if self._current_request is not None:
            return self._feed(rest) if rest else True
        self._head_size += len(head)
        if rest:
            self.refuse(431)
        return not rest

    def _feed(self, data: bytes) -> bool:
        fed: bool = super()._feed_callback_parser(data)
        return fed

    def _on_headers_complete(self) -> Any:
        self._line_begun = False
        self._head_size = 0
        return super()._on_headers_complete()

    # --- the end ------------------------------------------------------------------------

    def _is_body_unread(self) -> bool:
        receiver = self._body_receiver
        return receiver is not None and not receiver._complete  # noqa: SLF001 - gunicorn's own way

    def _will_close(self, request: Any, response_requires_close: Any) -> bool:
        return self._is_body_unread() or super()._will_close(request, response_requires_close)

    def _send_response_start(self, status: int, headers: Any, *args: Any, **kwargs: Any) -> None:
        # The application may announce the end too; gunicorn would keep the connection open.
        self._is_last_answer = any(
            name.lower() == b"connection" and value.lower() == b"close" for name, value in headers
        )
        super()._send_response_start(status, headers, *args, **kwargs)
        if self._response_buffer.startswith(_NAMELESS, _PHRASE_AT):
            # Gunicorn names only the usual statuses; 412 is none of them (RFC 9110, 15.5.13).
            end = _PHRASE_AT + len(_NAMELESS)
            phrase = HTTPStatus(status).phrase.encode() + b"\r\n"
            head, rest = self._response_buffer[:_PHRASE_AT], self._response_buffer[end:]
            self._response_buffer = head + phrase + rest

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        keepalive = await super()._serve_http_request(request, sockname, peername)
        return bool(keepalive) and not self._is_last_answer

    def _has_unread_input(self) -> bool:
        """Return whether the client may still be sending."""
        parser = self._callback_parser
        return bool(
            self._is_malformed
            or self._head_size
            or self._is_body_unread()
            or (self._intake is not None and not self._intake.is_empty)
            or (parser is not None and parser.remaining())
        )

    def _close_transport(self) -> None:
        if self.transport is None or self._closed:
            return
        if not self._has_unread_input():
            super()._close_transport()
            if self.transport.get_extra_info("ssl_object") is not None:
                self._tls_end = TlsEnd(self.worker.loop, self.transport)
            return
        self._closed = True
        waiting = self._intake.drop() if self._intake is not None else 0
        most = _MOST_DROPPED * self._limits.max_body - waiting
        seconds = self._limits.body_timeout
        self._lingering = Lingering(self.worker.loop, self.transport, seconds, most)
