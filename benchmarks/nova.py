"""A cloud with the parts of Keystone and Nova that Libcloud needs to start a server.

``python -m benchmarks.nova SECONDS`` prints its port and serves until its standard input ends. Each
request of Nova's takes SECONDS; a real Nova takes longer.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

_TIME: Final = "2026-11-01T12:00:00Z"


def _server(wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "name": wanted["name"],
        "status": "BUILD",
        "metadata": wanted["metadata"],
        "flavor": {"id": wanted["flavorRef"]},
        "image": "",
        "addresses": {},
        "hostId": "",
        "tenant_id": "t",
        "links": [{"rel": "self", "href": "http://127.0.0.1/"}],
        "created": _TIME,
        "updated": _TIME,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 2**16
    seconds: ClassVar[float] = 0.0
    servers: ClassVar[dict[str, Any]] = {}

    def do_POST(self) -> None:
        """Log in, or start a server."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v3/auth/tokens":
            self._send({"token": self._token()}, 201, ("X-Subject-Token", "token"))
            return
        time.sleep(self.seconds)
        server = _server(body["server"])
        self.servers[server["id"]] = server
        self._send({"server": {"id": server["id"], "adminPass": "p"}}, 202)

    def do_GET(self) -> None:
        """Show a server."""
        time.sleep(self.seconds)
        self._send({"server": self.servers[self.path.rpartition("/")[2]]}, 200)

    def _token(self) -> dict[str, Any]:
        url = f"http://{self.headers['Host']}/v2.1"
        end = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": url}
        compute = {"type": "compute", "name": "nova", "id": "c", "endpoints": [{"id": "e", **end}]}
        times = {"issued_at": _TIME, "expires_at": "2099-01-01T00:00:00.000000Z"}
        return {**times, "catalog": [compute], "user": {"id": "u", "name": "u"}, "roles": []}

    def _send(self, value: Any, status: int, *headers: tuple[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        own = ("Content-Type", "application/json"), ("Content-Length", str(len(body)))
        for name, text in (*own, *headers):
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until the standard input ends."""
    _Handler.seconds = float(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
