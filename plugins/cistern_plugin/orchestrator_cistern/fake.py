"""A small Cistern server that keeps its VMs in memory: real HTTP on loopback, for trials and tests.

``server.nodes["aws"]`` is the list of that cloud's records, in Cistern's own format; ``server.add``
adds a record. The server speaks the protocol that Cistern's clients use, and stores nothing on
disk.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:  # the kit, which is installed only for tests
    from orchestrator_core.testing import Fake, Stage

Record = dict[str, Any]
FREE, ASSIGNED, FAULTY = 1, 2, 5


class _Refusal(Exception):
    pass


class CisternServer:
    """Server that listens as soon as it is created, on a port that the system chooses."""

    def __init__(self) -> None:
        self.nodes: dict[str, list[Record]] = {}
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = _Listener(self, self.handler())
        port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{port}/api/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def handler(self) -> type[Handler]:
        """Return the class that handles requests."""
        return Handler

    def secure(self, context: ssl.SSLContext) -> str:
        """Use TLS on every connection from now on; return the address for TLS."""
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
        """Add a VM; it is assigned if it has a user."""
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

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Record]:
        """Carry out a request."""
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

    def __init__(self, cistern: CisternServer, handler: type[Handler]) -> None:
        self.cistern = cistern
        self.context: ssl.SSLContext | None = None
        self._open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start TLS if it is enabled."""
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                request.close()
                return
        self._open.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections: tests include clients that disconnect."""

    def cut_all(self) -> None:
        """Cut every connection."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class Handler(BaseHTTPRequestHandler):
    """Handler of one connection's requests, with JSON in and out."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each answer waits until its own head is acknowledged
    server: _Listener

    def handle_any(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.handle_body(json.loads(body) if body else None)

    do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - the base class wants these names

    def handle_body(self, body: Any) -> None:
        """Answer one request whose body is known."""
        status, answer = self.server.cistern.answer(self.command, self.path, body)
        self.reply(json.dumps(answer).encode(), status)

    def reply(
        self,
        body: bytes,
        status: int = 200,
        kind: str = "application/json",
        length: int | None = None,
        **headers: str,
    ) -> None:
        """Send an answer."""
        head = self.head(status, kind, len(body) if length is None else length, headers)
        self.wfile.write(head + body)  # in one piece, otherwise each answer takes 40 ms

    def head(self, status: int, kind: str, length: int, headers: dict[str, str]) -> bytes:
        """Return the status line and the headers of an answer."""
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {length}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@contextmanager
def fake(stage: Stage) -> Iterator[Fake]:
    """Return a Cistern server that knows the cloud's nodes, for the conformance kit."""
    from orchestrator_core.testing import Fake  # noqa: PLC0415 - only tests have it

    token = stage.directory / "token"
    token.write_text("a-token-of-cistern")
    server = CisternServer()
    for node in stage.nodes:
        server.add("cloud", node.id, node.name)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}/api/v1"
    try:
        own = {"token": f"file:{token}"}
        yield Fake(settings={**own, "url": server.url}, unreachable={**own, "url": closed})
    finally:
        server.close()
