"""A small Cistern for tests, with misbehaviour on demand.

``server.requests`` holds the requests received. ``server.misbehave("silence", on="release")``
spoils the answers to releases from now on; ``server.behave()`` ends that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator_cistern.fake import CisternServer as Proper
from orchestrator_cistern.fake import Handler

STALE = "stale"
"""Serves one request on each connection, and closes the connection at the next request."""
HUGE = 40 * 1024 * 1024
PAUSE = 0.01
"""Seconds between the bytes of a slow answer."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request; ``body`` is its JSON, or None without a body."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int


class CisternServer(Proper):
    """A Cistern server that misbehaves on demand."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self._bad: tuple[str, str | None] | None = None
        super().__init__()

    def handler(self) -> type[Handler]:
        return _Handler

    def misbehave(self, kind: str, on: str | None = None) -> None:
        """Spoil answers from now on: those to ``nodes``, ``assign`` or ``release``, or all."""
        assert kind in INSTEAD or kind in AFTERWARDS or kind == STALE, kind
        self._bad = (kind, on)

    def behave(self) -> None:
        """Answer properly again."""
        self._bad = None

    def asked(self, action: str) -> list[Received]:
        """Return the requests for ``nodes``, ``assign`` or ``release``."""
        return [request for request in self.requests if f"/{action}/" in request.path]

    def way(self, path: str) -> str | None:
        """Return how the answer to this path is spoilt."""
        if self._bad is None or (self._bad[1] and f"/{self._bad[1]}/" not in path):
            return None
        return self._bad[0]


class _Handler(Handler):
    served = 0

    def handle_body(self, body: Any) -> None:
        self.served += 1
        cistern = self.server.cistern
        assert isinstance(cistern, CisternServer)
        received = Received(
            self.command,
            self.path,
            {key.lower(): value for key, value in self.headers.items()},
            body,
            self.client_address[1],
        )
        cistern.requests.append(received)
        way = cistern.way(self.path) or ""
        if way in INSTEAD:
            INSTEAD[way](self, b"")
        elif way == STALE and self.served > 1:
            self.cut()
        else:
            status, answer = cistern.answer(self.command, self.path, received.body)
            data = json.dumps(answer).encode()
            if way in AFTERWARDS:
                AFTERWARDS[way](self, data)
            else:
                self.reply(data, status)

    def cut(self) -> None:
        self.close_connection = True

    def drip(self, data: bytes) -> None:
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.cistern.closing.wait(PAUSE):
                break
        self.cut()


def _fixed(body: Any, status: int = 200, kind: str = "application/json", **headers: str) -> _Way:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def way(handler: _Handler, _answer: bytes) -> None:
        handler.reply(data, status, kind, None, **headers)

    return way


def _edited(edit: Callable[[Any], Any]) -> _Way:
    def way(handler: _Handler, answer: bytes) -> None:
        handler.reply(json.dumps(edit(json.loads(answer))).encode())

    return way


def _cut_in_mid_body(handler: _Handler, answer: bytes) -> None:
    handler.reply(answer[:-5], length=len(answer))
    handler.cut()


def _silence(handler: _Handler, _answer: bytes) -> None:
    handler.server.cistern.closing.wait(30)
    handler.cut()


def _slow_body(handler: _Handler, answer: bytes) -> None:
    handler.wfile.write(handler.head(200, "application/json", len(answer), {}))
    handler.drip(answer)


def _drip(handler: _Handler, _answer: bytes) -> None:
    handler.drip(handler.head(200, "application/json", 2, {}))


def _huge(handler: _Handler, _answer: bytes) -> None:
    block = b" " * 65536
    handler.wfile.write(handler.head(200, "application/json", HUGE, {}))
    for _ in range(HUGE // len(block)):
        handler.wfile.write(block)


def _no_http(handler: _Handler, _answer: bytes) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    handler.cut()


_Way = Callable[[_Handler, bytes], None]
_HTML = b"<html><body>Please log in</body></html>"

INSTEAD: dict[str, _Way] = {
    "refusal": _fixed({"status": "error", "message": "No VM of that type"}),
    "refusal with 500": _fixed({"status": "error", "message": "Recipe failed"}, 500),
    "refusal with 403": _fixed({"status": "error", "message": "Not your VM"}, 403),
    "long refusal": _fixed({"status": "error", "message": "a\r\nb\x1b[31m\u2028c " + "x" * 5000}),
    "refusal without reason": _fixed({"status": "error", "message": None}),
    "500 text": _fixed(b"Traceback: 10.0.0.7 said no", 500, "text/plain"),
    "502 html": _fixed(b"<html>Bad Gateway</html>", 502, "text/html"),
    "503 busy": _fixed(b"", 503, "text/plain", Retry_After="7"),
    "401": _fixed(b"who are you", 401, "text/plain"),
    "403": _fixed(_HTML, 403, "text/html"),
    "404": _fixed(_HTML, 404, "text/html"),
    "429": _fixed(b"", 429, "text/plain", Retry_After="3"),
    "html": _fixed(_HTML, 200, "text/html"),
    "broken json": _fixed(b'{"status": "ok", "nodes": [{"id": 3,'),
    "deep json": _fixed(b"[" * 200_000),
    "empty": _fixed(b""),
    "json list": _fixed([]),
    "redirect": _fixed(b"", 307, "text/plain", Location="/api/v1/elsewhere"),
    "cut": lambda handler, _answer: handler.cut(),
    "silence": _silence,
    "slow head": _drip,
    "huge": _huge,
    "no http": _no_http,
}
"""The server does not carry out the request."""

AFTERWARDS: dict[str, _Way] = {
    "ok with 404": lambda handler, answer: handler.reply(answer, 404),
    "no status": _edited(lambda answer: {k: v for k, v in answer.items() if k != "status"}),
    "ok with message": _edited(lambda answer: {**answer, "message": "Welcome"}),
    "pending": _edited(lambda answer: {**answer, "status": "pending"}),
    "nodes null": _edited(lambda answer: {**answer, "nodes": None}),
    "nodes object": _edited(lambda answer: {**answer, "nodes": {}}),
    "another id_vm": _edited(lambda answer: {**answer, "id_vm": "not-the-one"}),
    "bare ok": _edited(lambda answer: {"status": answer["status"]}),
    "cookie": lambda handler, answer: handler.reply(answer, Set_Cookie="session=1; Path=/"),
    "cut in mid-body": _cut_in_mid_body,
    "slow body": _slow_body,
    "done and cut": lambda handler, _answer: handler.cut(),
    "done and silence": _silence,
}
"""The server carries out the request, then spoils the answer."""
