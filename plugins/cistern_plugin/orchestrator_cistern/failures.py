"""Translation of failed HTTP exchanges into the errors of the contract.

The text of an HTTP client's error contains addresses, so none of it is passed on.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx2

from orchestrator_cistern.network import Exchange
from orchestrator_core import (
    CloudBusy,
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    InvalidAnswer,
)

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "no TLS connection could be made"),
    (socket.gaierror, "its name cannot be resolved"),
    (ConnectionRefusedError, "it refuses the connection"),
)


class StaleConnection(CloudUnreachable):
    """Error: a connection kept from an earlier exchange was closed before any answer came."""


def translate(
    error: httpx2.TransportError, exchange: Exchange, title: str, *, timeout: float, change: bool
) -> CloudError:
    """Return the contract's error for an error of the HTTP client.

    Args:
        error: the HTTP client's error.
        exchange: the exchange in which it happened.
        title: the backend's title, for example ``Backend brain``; it starts the message.
        timeout: the configured seconds between two bytes.
        change: whether Cistern was asked to change something. It may have made the change although
            no answer came; the message then says so.
    """
    open_end = "; the outcome is not known" if change and exchange.sent else ""
    if isinstance(error, httpx2.PoolTimeout):
        return CloudBusy(f"{title} is busy: all its connections are in use", retry_after=1)
    if isinstance(error, httpx2.TimeoutException):
        return timed_out(exchange, title, timeout, open_end)
    if isinstance(error, httpx2.ConnectError):
        return CloudUnreachable(f"{title} cannot be reached{_reason(error)}")
    if isinstance(error, httpx2.ProtocolError) and not exchange.ended:
        return InvalidAnswer(f"{title} returned an answer that is not valid HTTP{open_end}")
    if not exchange.connected and not exchange.received:
        return StaleConnection(f"{title} closed the connection without an answer{open_end}")
    return CloudUnreachable(
        f"{title} closed the connection before its answer was complete{open_end}"
    )


def timed_out(exchange: Exchange, title: str, timeout: float, open_end: str = "") -> CloudTimeout:
    """Return the error for a deadline that has passed or a server that was silent for too long."""
    deadline = exchange.deadline
    if deadline.passed:
        return CloudTimeout(f"{title} did not answer within {deadline.seconds:g} s{open_end}")
    return CloudTimeout(f"{title} was silent for {timeout:g} s{open_end}")


def _reason(error: BaseException) -> str:
    for cause in _causes(error):
        for kind, words in _REASONS:
            if isinstance(cause, kind):
                return f": {words}"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
