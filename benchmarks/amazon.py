"""A slow cloud with the part of EC2's API that Libcloud needs to list nodes.

``python -m benchmarks.amazon SECONDS NODES`` prints its port, serves until its standard input ends,
and counts: ``GET /count`` returns the number of lists requested.
"""

from __future__ import annotations

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

_NAMESPACE = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
_ITEM = (
    "<item><instanceId>i-{number:017x}</instanceId><imageId>ami-1</imageId>"
    "<instanceState><code>16</code><name>running</name></instanceState>"
    "<instanceType>t3.small</instanceType><privateIpAddress>10.0.0.1</privateIpAddress>"
    "<ipAddress>1.2.3.4</ipAddress><tagSet><item><key>Name</key><value>n{number}</value></item>"
    "</tagSet><placement><availabilityZone>eu-west-1a</availabilityZone></placement></item>"
)


class _Server(ThreadingHTTPServer):
    request_queue_size = 512


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out in one packet: a second packet would wait for the first one's ACK.
    wbufsize = 2**16
    seconds: ClassVar[float] = 0.0
    items: ClassVar[str] = ""
    count: ClassVar[int] = 0
    lock: ClassVar[threading.Lock] = threading.Lock()

    def do_GET(self) -> None:
        """Answer a list after the set time, and any other request at once."""
        if self.path == "/count":
            self._send(str(self.count))
            return
        action = "DescribeInstances" if "DescribeInstances" in self.path else "DescribeAddresses"
        inner = ""
        if action == "DescribeInstances":
            with self.lock:
                type(self).count += 1
            time.sleep(self.seconds)
            inner = f"<reservationSet><item><instancesSet>{self.items}</instancesSet></item>"
            inner += "</reservationSet>"
        self._send(f"<{action}Response {_NAMESPACE}>{inner}</{action}Response>")

    def _send(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""


def main() -> None:
    """Serve lists of ``nodes`` nodes that take ``seconds`` seconds."""
    _Handler.seconds = float(sys.argv[1])
    _Handler.items = "".join(_ITEM.format(number=number) for number in range(int(sys.argv[2])))
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
