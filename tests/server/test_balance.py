"""The distribution of a burst of connections among the workers."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from contextlib import ExitStack
from typing import Any

REQUEST = b"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_no_worker_takes_a_whole_burst(serve: Any) -> None:
    server = serve(workers=2)
    shares = []
    for _ in range(5):
        answered: Counter[str] = Counter()
        with ExitStack() as stack:
            # The connections wait in the kernel until all exist, as in a burst.
            for worker in server.workers():
                os.kill(worker, signal.SIGSTOP)
            connections = [
                stack.enter_context(socket.create_connection(server.address)) for _ in range(32)
            ]
            for connection in connections:
                connection.sendall(REQUEST)
            for worker in server.workers():
                os.kill(worker, signal.SIGCONT)
            for connection in connections:
                head = connection.recv(65536).decode()
                # The first part of a request's id is the process that made it.
                answered[head.partition("x-request-id: ")[2].partition("-")[0]] += 1
        shares.append(min(answered.values()) if len(answered) > 1 else 0)
    assert sorted(shares)[2] >= 4, shares
