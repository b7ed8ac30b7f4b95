"""A loopback server that stands in for any host that a driver wants to reach.

Drivers that know only their provider's own address reach it through the ordinary settings
``proxy`` and ``ca_file``: the server accepts ``CONNECT`` for every host, and presents a certificate
for it that the test's own authority signed.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import trustme


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers, with names in lower case."""


@dataclass(frozen=True)
class Reply:
    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Answer = Callable[[Request], Reply]


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # Without this, each answer waits for the ACK of its own head.
    protocol_version = "HTTP/1.1"
    timeout = 30
    answer: Answer
    authority: trustme.CA

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)
        self.send_response(200)
        self.end_headers()
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.setup_streams()
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def setup_streams(self) -> None:
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = type(self).answer(Request(self.command, parts.path, query, body, headers))
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *arguments: Any) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a driver may disconnect at any time."""


@contextmanager
def any_host(answer: Answer, authority: trustme.CA) -> Iterator[int]:
    """Serve on a port of the system's choice."""
    members = {"answer": staticmethod(answer), "authority": authority}
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), members))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
