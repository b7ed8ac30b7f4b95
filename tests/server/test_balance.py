"""A burst of connections is shared among the workers."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import ExitStack
from typing import Any

REQUEST = b"GET /api/v1/ HTTP/1.1\r\nHost: x\r\n\r\n"


def test_no_worker_takes_a_whole_burst(serve: Any) -> None:
    server = serve(workers=2)
    answered: Counter[str] = Counter()
    for _ in range(5):
        with ExitStack() as stack:
            connections = [
                stack.enter_context(socket.create_connection(server.address)) for _ in range(32)
            ]
            for connection in connections:
                connection.sendall(REQUEST)
            for connection in connections:
                head = connection.recv(65536).decode()
                # The first part of a request's id is the process that gave it.
                answered[head.partition("x-request-id: ")[2].partition("-")[0]] += 1
    assert len(answered) == 2
    assert min(answered.values()) >= 16
