"""A way to a PostgreSQL server on which connections can fall silent, as a lost machine would."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url


class Proxy:
    """Hands TCP on to a Unix socket; the connections that there are can be lost.

    Args:
        target: the Unix socket; None ends every connection before it has begun.
    """

    def __init__(self, target: str | None) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lost = threading.Event()
        self._open: list[socket.socket] = []
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lose(self) -> None:
        """Say nothing any more on the connections that there are; new ones reach the server."""
        self._lost.set()
        self._lost = threading.Event()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        for one in self._open:
            _end(one)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return  # it is closed
            self.connections += 1
            if self._target is None:
                here.close()
                continue
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._target)
            self._open += [here, there]
            for way in ((here, there), (there, here)):
                self._threads.append(threading.Thread(target=_hand_on, args=(*way, self._lost)))
                self._threads[-1].start()


def _hand_on(source: socket.socket, sink: socket.socket, lost: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if not lost.is_set():
                sink.sendall(data)
    _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, URL]]:
    """Run a proxy before the server of a URL; yields it and the URL of the same database."""
    direct = make_url(url)
    proxy = Proxy(f"{direct.query['host']}/.s.PGSQL.{direct.port or 5432}")
    try:
        yield proxy, direct.set(host="127.0.0.1", port=proxy.port, query={})
    finally:
        proxy.close()
