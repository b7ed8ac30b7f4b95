"""A proxy to a PostgreSQL server whose connections can fall silent, as if a machine was lost."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url


class Proxy:
    """A TCP proxy that can drop its connections, and hold back either direction.

    Args:
        target: a Unix socket, or a port of this machine; None closes every connection at once.
    """

    def __init__(self, target: str | int | None) -> None:
        self.to_server, self.to_client = threading.Event(), threading.Event()
        self.resume()
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lost = threading.Event()
        self._open: list[socket.socket] = []
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lose(self) -> None:
        """Silence all existing connections; new ones reach the server."""
        self._lost.set()
        self._lost = threading.Event()

    def hold(self, *ways: threading.Event) -> None:
        """Hold back the data of these directions, on new connections too, until :meth:`resume`."""
        for way in ways:
            way.clear()

    def refuse(self) -> None:
        """Close every existing and new connection, until :meth:`resume`."""
        self._refuses = True
        for one in self._open:
            _end(one)

    def resume(self) -> None:
        """Forward the held data, and everything after it."""
        self._refuses = False
        self.to_server.set()
        self.to_client.set()

    def close(self) -> None:
        self.resume()
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
                return  # The socket is closed.
            self.connections += 1
            if self._target is None or self._refuses:
                here.close()
                continue
            try:
                there = self._connect()
            except OSError:
                here.close()  # The server is away.
                continue
            self._open += [here, there]
            for way in ((here, there, self.to_server), (there, here, self.to_client)):
                self._threads.append(threading.Thread(target=_hand_on, args=(*way, self._lost)))
                self._threads[-1].start()

    def _connect(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        assert self._target is not None
        there = socket.socket(socket.AF_UNIX)
        try:
            there.connect(self._target)
        except OSError:
            there.close()
            raise
        return there


def _hand_on(
    source: socket.socket, sink: socket.socket, opened: threading.Event, lost: threading.Event
) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            opened.wait()
            if not lost.is_set():
                sink.sendall(data)
    _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, URL]]:
    """Run a proxy in front of a URL's server; yield it and the URL of the same database."""
    direct = make_url(url)
    proxy = Proxy(f"{direct.query['host']}/.s.PGSQL.{direct.port or 5432}")
    try:
        yield proxy, direct.set(host="127.0.0.1", port=proxy.port, query={})
    finally:
        proxy.close()
