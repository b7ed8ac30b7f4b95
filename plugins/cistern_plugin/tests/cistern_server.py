"""A Cistern server for tests: real HTTP on loopback, real state, misbehaviour on demand.

``server.nodes["aws"]`` is the list of records of that cloud, in Cistern's own words;
``server.requests`` is what came in; ``server.misbehave("silence", on="release")`` spoils the
answers to releases from now on, ``server.behave()`` ends it.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

Record = dict[str, Any]
FREE, ASSIGNED, FAULTY = 1, 2, 5
STALE = "stale"
"""Serves one request on each connection and closes it at the next."""
HUGE = 40 * 1024 * 1024
PAUSE = 0.01
"""Seconds between the bytes of a slow answer."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request. ``body`` is its JSON, None when it had none."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int


class _Refusal(Exception):
    pass


class CisternServer:
    """Listens from the start, on a port that the system chose."""

    def __init__(self) -> None:
        self.nodes: dict[str, list[Record]] = {}
        self.requests: list[Received] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._bad: tuple[str, str | None] | None = None
        self._http = _Listener(self)
        port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{port}/api/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def secure(self, context: ssl.SSLContext) -> str:
        """Speak TLS on every connection from now on; return the address for that."""
        self._http.context = context
        return self.url.replace("http:", "https:")

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http.cut_all()

    def add(self, cloud: str, id_vm: str, hostname: str, user: str = "", **other: Any) -> Record:
        """Put a VM into the state; assigned when it has a user."""
        with self._lock:
            vms = self.nodes.setdefault(cloud, [])
            record = {
                "id": len(vms) + 1,
                "id_vm": id_vm,
                "hostname": hostname,
                "user": user,
                "recipe": "",
                "recipe_id": None,
                "status": ASSIGNED if user else FREE,
                "status_desc": "ASSIGNED" if user else "FREE",
                "cloud": cloud,
                **other,
            }
            vms.append(record)
            return record

    def misbehave(self, kind: str, on: str | None = None) -> None:
        """Spoil answers from now on: to ``nodes``, ``assign`` or ``release``, or to all."""
        assert kind in INSTEAD or kind in AFTERWARDS or kind == STALE, kind
        self._bad = (kind, on)

    def behave(self) -> None:
        """Answer properly again."""
        self._bad = None

    def asked(self, action: str) -> list[Received]:
        """The requests for ``nodes``, ``assign`` or ``release``."""
        return [request for request in self.requests if f"/{action}/" in request.path]

    def way(self, path: str) -> str | None:
        """How the answer to this path is to be spoilt."""
        if self._bad is None or (self._bad[1] and f"/{self._bad[1]}/" not in path):
            return None
        return self._bad[0]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Record]:
        """Carry a request out."""
        parts = [unquote(part) for part in path.removeprefix("/api/v1").strip("/").split("/")]
        with self._lock:
            match method, parts:
                case "GET", [""]:
                    return 200, {"status": "ok"}
                case "GET", ["nodes", cloud]:
                    faulty = body["with_faulty_nodes"]
                    shown = [n for n in self.nodes.get(cloud, ()) if faulty or _sound(n)]
                    return 200, {"status": "ok", "nodes": [dict(n) for n in shown]}
                case ("POST", ["vm", "assign", cloud]) | ("PUT", ["vm", "release", cloud]):
                    return self._change(parts[1], cloud, body)
        return 404, {"status": "error", "message": f"No such path: {method} {path}"}

    def _change(self, action: str, cloud: str, body: Any) -> tuple[int, Record]:
        try:
            record = self._named(cloud, body["hostname"])
            if action == "assign":
                _assign(record, body)
            else:
                _release(record)
        except _Refusal as refusal:
            return 400, {"status": "error", "message": str(refusal)}
        done = {"assign": "assigned", "release": "released"}[action]
        return 200, {
            "status": "ok",
            "id": record["id"],
            "id_vm": record["id_vm"],
            "result": f"Node {record['id_vm']} {done}",
        }

    def _named(self, cloud: str, hostname: str) -> Record:
        for record in self.nodes.get(cloud, ()):
            if record["hostname"] == hostname:
                return record
        raise _Refusal(f"Unknown hostname {hostname}")


def _sound(record: Record) -> bool:
    return bool(record["status"] != FAULTY)


def _assign(record: Record, body: Any) -> None:
    if record["user"]:
        raise _Refusal(f"Node {record['id_vm']} is already assigned")
    record.update(
        user=body["user"], recipe=body["vm_type"], status=ASSIGNED, status_desc="ASSIGNED"
    )


def _release(record: Record) -> None:
    if not record["user"]:
        raise _Refusal(f"Node {record['id_vm']} is not assigned")
    record.update(user="", recipe="", status=FREE, status_desc="FREE")


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, cistern: CisternServer) -> None:
        self.cistern = cistern
        self.context: ssl.SSLContext | None = None
        self._open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                request.close()
                return
        self._open.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are part of the tests."""

    def cut_all(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # else each answer waits for the receipt of its own head
    protocol_version = "HTTP/1.1"
    server: _Listener
    served = 0

    def handle_any(self) -> None:
        self.served += 1
        cistern = self.server.cistern
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        received = Received(
            self.command,
            self.path,
            {key.lower(): value for key, value in self.headers.items()},
            json.loads(body) if body else None,
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

    do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - the base class wants these names

    def reply(
        self,
        body: bytes,
        status: int = 200,
        kind: str = "application/json",
        length: int | None = None,
        **headers: str,
    ) -> None:
        head = self.head(status, kind, len(body) if length is None else length, headers)
        self.wfile.write(head + body)  # in one piece, or each answer takes 40 ms

    def head(self, status: int, kind: str, length: int, headers: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {length}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def cut(self) -> None:
        self.close_connection = True

    def drip(self, data: bytes) -> None:
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.cistern.closing.wait(PAUSE):
                break
        self.cut()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


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
"""The request is not carried out."""

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
}
"""The request is carried out, then the answer is spoilt."""
