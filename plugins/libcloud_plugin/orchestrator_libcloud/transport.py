"""How Libcloud's connections reach the network: time limit, trust and proxy of one call.

Libcloud makes connections in many places, some in the middle of a call, and knows a
certificate file only for the whole process. So every connection is made of the class below,
which asks what the call under way in its thread is allowed. This is the place for a limit on
the whole of a call: ``requests`` counts its timeout between bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from libcloud.common.base import Connection
from libcloud.http import LibcloudConnection

from orchestrator_core import Deadline

_LEAST_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the connections of one call.

    Attributes:
        deadline: no request may wait longer than what is left of it.
        ca_file: certificates to trust instead of the usual ones.
        proxy: URL of the proxy to go through.
    """

    deadline: Deadline
    ca_file: Path | None = None
    proxy: str | None = None


_terms: ContextVar[Terms | None] = ContextVar("orchestrator_libcloud_terms", default=None)


@contextmanager
def under(terms: Terms) -> Iterator[None]:
    """Let these terms hold for every connection that this thread makes or uses."""
    token = _terms.set(terms)
    try:
        yield
    finally:
        _terms.reset(token)


class Transport(LibcloudConnection):
    """A connection of Libcloud under the terms of the current call; without any, as ever."""

    def __init__(self, host: str, port: int, secure: Any = None, **kwargs: Any) -> None:
        terms = _terms.get()
        if terms is not None and terms.proxy:
            kwargs.setdefault("proxy_url", terms.proxy)
        super().__init__(host, port, secure, **kwargs)  # type: ignore[no-untyped-call]

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request and wait for its answer, no longer than the call may take.

        Raises:
            CloudTimeout: when nothing is left of the deadline.
        """
        terms = _terms.get()
        if terms is not None:
            terms.deadline.check()
            session: Any = self.session
            session.timeout = max(_LEAST_SECONDS, terms.deadline.remaining())
            if terms.ca_file:
                self.ca_cert = str(terms.ca_file)
            elif self.ca_cert is False:
                self.ca_cert = None  # KubeVirt's driver trusts everybody unless told otherwise
        super().request(*args, **kwargs)  # type: ignore[no-untyped-call]


def install(driver_class: Any) -> None:
    """Have every connection of this driver made of :class:`Transport`. Safe to repeat."""
    Connection.conn_class = Transport
    for name in dir(driver_class):
        if name.endswith("connectionCls"):
            connection_class = getattr(driver_class, name)
            # Azure's two name the plain class again, which hides the one set above.
            if getattr(connection_class, "conn_class", None) is LibcloudConnection:
                connection_class.conn_class = Transport
