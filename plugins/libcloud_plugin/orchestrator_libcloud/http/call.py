"""One call into a cloud: its terms, and the connection on which it waits.

Libcloud makes connections in many places, some in the middle of a call. So each connection asks
here what the current call of its thread may do, and is registered here while it is in use. To end
the call, another thread shuts the connection down, and the waiting thread returns.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orchestrator_core import CloudError, CloudTimeout, Deadline
from orchestrator_libcloud.answers.odd_memory import OddMemory
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.http.redaction import Redactor

_LEAST_SECONDS: Final = 0.05
"""Smallest timeout in seconds; a timeout of zero has another meaning for sockets."""

_MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of every call to one cloud.

    Attributes:
        cloud: the cloud's name, for messages.
        redact: the function that removes secrets and addresses from the cloud's texts.
        max_answer: the size of the largest answer that is read, in MiB, after decompression.
        ca_file: certificates to trust instead of the usual ones.
        proxy: the URL of the proxy.
        verify_tls: whether the cloud's certificate must be trusted.
        odd_items: the odd items found in the cloud's lists.
    """

    cloud: str = "?"
    redact: Redactor = field(default_factory=Redactor, repr=False)
    max_answer: int = 64
    ca_file: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    verify_tls: bool = True
    odd_items: OddMemory = field(default_factory=OddMemory, repr=False, compare=False)

    @property
    def max_bytes(self) -> int:
        """Return the size of the largest answer in bytes."""
        return self.max_answer * _MEBIBYTE


class Call:
    """One call of a hook, with all requests that the driver makes for it.

    Args:
        deadline: the end of the call; the object also identifies the call for an abort.
        terms: the cloud's terms.
        exchange: the exchange, filled with the requests and answers.

    Attributes:
        opened: the HTTP sessions opened during the call, for the owner of the driver object.
    """

    def __init__(self, deadline: Deadline, terms: Terms, exchange: Exchange) -> None:
        self.deadline = deadline
        self.terms = terms
        self.exchange = exchange
        self.is_aborted = False
        self.opened: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def seconds_left(self) -> float:
        """Return the seconds that a single wait of this call may take; never zero.

        Raises:
            CloudTimeout: no time is left.
        """
        self.check()
        return max(_LEAST_SECONDS, self.deadline.remaining())

    def check(self) -> None:
        """Raise an error if the call is over.

        Raises:
            CloudTimeout: the call was aborted or its deadline has passed.
        """
        if self.is_aborted or self.deadline.passed:
            raise self.end(CloudTimeout(f"Cloud {self.terms.cloud} did not answer in time"))

    def end(self, final_error: CloudError) -> CloudError:
        """Return the error that ends this call, for the caller to raise; keep the first one."""
        final_error.repeat_is_safe = self.exchange.nothing_done
        return self.exchange.decide(final_error)

    def attach(self, line: socket.socket) -> None:
        """Set the connection on which the call waits from now on.

        Raises:
            CloudTimeout: the call is over.
        """
        # A duplicate of the handle: the owner may close the original at any time, and the number
        # could then belong to another connection.
        handle = socket.socket(fileno=os.dup(line.fileno()))
        with self._lock:
            before, self._line = self._line, handle
            if before is not None:
                before.close()
        self.check()

    def abort(self) -> None:
        """Shut down the connection on which the call waits. Safe from any thread, at any time."""
        with self._lock:
            self.is_aborted = True
            if self._line is not None:
                # Shut down, not closed: a close would not wake the waiting thread. This cuts a TLS
                # connection too.
                with contextlib.suppress(OSError):
                    self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the connection: the call has ended."""
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None


_current: ContextVar[Call | None] = ContextVar("orchestrator_libcloud_call", default=None)


def current() -> Call | None:
    """Return the current call of this thread."""
    return _current.get()


@contextmanager
def under(call: Call) -> Iterator[None]:
    """Apply this call's terms to every connection that this thread makes or uses."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)
        call.close()
