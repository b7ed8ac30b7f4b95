"""Requests to the running server, and the process that listens on an address."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_core.cli.doctor.addresses import NamedServer
from orchestrator_core.server.holder import Holder, holder_of

_SECONDS: Final = 5.0

_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not bound


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)


def get_json(address: str, path: str) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Args:
        address: ``http://HOST:PORT``, ``https://HOST:PORT`` or ``unix:PATH``, on this machine.
        path: the path of the request.

    Raises:
        OSError, HTTPException: There was no answer.
        ValueError: The answer is no JSON object.
    """
    connection = _connection(address)
    try:
        connection.request("GET", path)
        body = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if not isinstance(body, dict):
        raise ValueError("the answer is no object")  # noqa: TRY004 - it is a wrong value
    return body


def clock_of(server: NamedServer) -> float | None:
    """Return the time that an HTTP server's clock shows, in seconds since 1970; None without one.

    The request has no credentials, so any status will do. The time has no fractions (RFC 9110,
    5.6.7).

    Raises:
        OSError, HTTPException: There was no answer.
    """
    connection = _connection(f"{server.scheme}://{server.netloc}")
    try:
        connection.request("HEAD", "/")
        told = connection.getresponse().getheader("Date", "")
    finally:
        connection.close()
    try:
        return parsedate_to_datetime(told).timestamp()
    except ValueError:
        return None


def served_certificate(address: str) -> bytes | None:
    """Return the certificate that a server of this machine shows, as DER; None without TLS.

    Raises:
        OSError: The server does not answer.
    """
    parts = urlsplit(address)
    if parts.scheme != "https":
        return None
    return certificate_of(_host(parts.hostname), parts.port or 443)


def certificate_of(host: str, port: int) -> bytes | None:
    """Return the certificate of a TLS server, as DER, without a judgement of it.

    Raises:
        OSError: The server does not answer.
    """
    with (
        socket.create_connection((host, port), timeout=_SECONDS) as plain,
        unverified().wrap_socket(plain, server_hostname=host) as secure,
    ):
        return secure.getpeercert(binary_form=True)


def unverified() -> ssl.SSLContext:
    """Return a context that accepts every certificate; no secret may be sent with it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def listener_of(bind: str) -> Holder | None:
    """Return the process that listens on an address of the settings; None if it is unknown."""
    if bind.startswith("unix:"):
        return holder_of(bind.removeprefix("unix:"))
    host, _, port = bind.rpartition(":")
    return holder_of((host.strip("[]"), int(port))) if port.isdecimal() else None


def _connection(address: str) -> http.client.HTTPConnection:
    if address.startswith("unix:"):
        return _UnixConnection(address.removeprefix("unix:"))
    parts = urlsplit(address)
    host = _host(parts.hostname)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=_SECONDS, context=unverified())
    return http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)


def _host(host: str | None) -> str:
    return _ANYWHERE.get(host or "", host or "localhost")
