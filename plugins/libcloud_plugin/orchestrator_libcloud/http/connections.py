"""Connections of urllib3 that belong to the current call while they are in use."""

from __future__ import annotations

import socket
from typing import Any

import urllib3
import urllib3.util.connection
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)

from orchestrator_libcloud.http.call import Call, current


class _Connection(HTTPConnection):
    """The common part of HTTP and HTTPS connections."""

    _is_connecting = False

    def connect(self) -> None:
        """Connect; data sent to a proxy meanwhile is not yet the request."""
        self._is_connecting = True
        try:
            super().connect()
        finally:
            self._is_connecting = False

    def _new_conn(self) -> socket.socket:
        call = current()
        return super()._new_conn() if call is None else self._open(call)

    def _open(self, call: Call) -> socket.socket:
        """Connect to the first address that accepts; try all addresses within the call's time."""
        failure: OSError = OSError("There is no address")
        for family, kind, protocol, _, address in self._resolve(call):
            try:
                return self._reach(call, socket.socket(family, kind, protocol), address)
            except OSError as error:
                failure = error
        call.check()
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "No connection in time") from failure
        raise NewConnectionError(self, "No connection") from failure

    def _reach(self, call: Call, line: socket.socket, address: Any) -> socket.socket:
        try:
            for option in self.socket_options or ():
                line.setsockopt(*option)
            # Attached before it is connected, because a cloud may be silent from the start.
            call.attach(line)
            line.settimeout(call.seconds_left())
            line.connect(address)
            call.check()
        except BaseException:
            line.close()
            raise
        return line

    def _resolve(self, call: Call) -> list[Any]:
        host = self._dns_host.strip("[]")
        family = urllib3.util.connection.allowed_gai_family()
        try:
            found = socket.getaddrinfo(host, self.port, family, socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError as error:
            raise LocationParseError(self.host) from error
        call.check()
        return found

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Start a request; a connection of an earlier call now belongs to this call."""
        call = current()
        if call is not None and self.sock is not None:
            call.attach(self.sock)
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        """Send a part of a request, and record that the cloud may have received it from here on."""
        call = current()
        if call is not None and not self._is_connecting:
            if self.sock is None:
                self.connect()
            call.check()
            call.exchange.sent()
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


POOLS = {"http": _Pool, "https": _SecurePool}
"""The connection pools, by scheme, for a ``PoolManager``."""
