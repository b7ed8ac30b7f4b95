"""Connections on which no step lasts longer than the deadline of the whole exchange.

An HTTP client's timeouts count between two bytes. A server that sends one byte a second, in the
headers or in the body, could therefore hold a thread for hours. So the remaining time is computed
again before every single read and write.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from orchestrator_core import Deadline


@dataclass(slots=True)
class Exchange:
    """One request, its answer, and the state of its connection.

    Attributes:
        connected: whether a new connection was made; otherwise a kept one was used.
        sent: whether bytes of the request may have left.
        received: whether bytes of the answer came.
        ended: whether the other side closed the connection.
    """

    deadline: Deadline
    connected: bool = False
    sent: bool = False
    received: bool = False
    ended: bool = False

    @contextmanager
    def current(self) -> Iterator[None]:
        """Bind what this thread does on its connections to this exchange."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)

    def left(self, timeout: float | None, passed: type[Exception]) -> float:
        """Return the seconds that one step may take; never 0, which would not wait at all."""
        remaining = self.deadline.remaining()
        if remaining <= 0:
            raise passed
        return remaining if timeout is None else min(timeout, remaining)


_CURRENT: ContextVar[Exchange] = ContextVar("exchange")


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        exchange = _CURRENT.get()
        data = self._inner.read(max_bytes, exchange.left(timeout, httpcore2.ReadTimeout))
        exchange.received |= data != b""
        exchange.ended |= data == b""
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        exchange = _CURRENT.get()
        exchange.sent = True
        self._inner.write(buffer, exchange.left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = _CURRENT.get().left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Network(httpcore2.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        exchange = _CURRENT.get()
        exchange.connected = True
        left = exchange.left(timeout, httpcore2.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class BoundedTransport(httpx2.HTTPTransport):
    """Transport of httpx2 whose connections obey the current :class:`Exchange`.

    Args:
        ssl_context: the TLS context for https; None for http.
        connections: the largest number of connections, used and idle.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None, connections: int) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=_Network(),
        )
