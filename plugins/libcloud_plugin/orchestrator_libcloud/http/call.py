"""One call into a cloud: its terms, and the connection that it waits for.

Libcloud makes connections in many places, some in the middle of a call. So each asks here
what the call under way in its thread is allowed, and each is known here while it is in
use: whoever ends the call shuts it down, and the thread that waits for it comes back.
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
from orchestrator_libcloud.http.exchange import Trail
from orchestrator_libcloud.http.redaction import Redactor

_LEAST_SECONDS: Final = 0.05
"""A timeout of zero would mean something else to sockets."""

_MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every call to one cloud.

    Attributes:
        cloud: its name, for messages.
        redact: takes secrets and addresses out of what the cloud says.
        max_answer: the largest answer that is read, in MiB, after decompression.
        ca_file: certificates to trust instead of the usual ones.
        proxy: URL of the proxy to go through.
        verify_tls: whether the cloud must show a certificate that is trusted.
        odd_items: the odd items that were found in its lists.
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
        """The largest answer in bytes."""
        return self.max_answer * _MEBIBYTE


class Call:
    """One call of a hook, however many requests the driver makes of it.

    Args:
        deadline: its end; the object also says which call an abort means.
        terms: the cloud's.
        trail: filled with what is sent and answered.

    Attributes:
        opened: the HTTP sessions made meanwhile, for whoever keeps the driver object.
    """

    def __init__(self, deadline: Deadline, terms: Terms, trail: Trail) -> None:
        self.deadline = deadline
        self.terms = terms
        self.trail = trail
        self.is_aborted = False
        self.opened: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def seconds_left(self) -> float:
        """Return what a single wait of this call may take; never zero.

        Raises:
            CloudTimeout: when nothing is left.
        """
        self.check()
        return max(_LEAST_SECONDS, self.deadline.remaining())

    def check(self) -> None:
        """Stop here if the call is over.

        Raises:
            CloudTimeout: when nothing is left of the deadline.
        """
        if self.is_aborted or self.deadline.passed:
            raise self.end(CloudTimeout(f"Cloud {self.terms.cloud} did not answer in time"))

    def end(self, verdict: CloudError) -> CloudError:
        """Return the error that ends this call, to be raised; the first one stays."""
        verdict.repeat_is_safe = self.trail.nothing_done
        return self.trail.decide(verdict)

    def attach(self, line: socket.socket) -> None:
        """Say which connection the call waits for from now on.

        Raises:
            CloudTimeout: when the call is over.
        """
        # Another handle of the same connection: its owner may close his at any time,
        # and the number might then belong to somebody else's connection.
        handle = socket.socket(fileno=os.dup(line.fileno()))
        with self._lock:
            before, self._line = self._line, handle
            if before is not None:
                before.close()
        self.check()

    def abort(self) -> None:
        """Shut the connection down that the call waits for. From any thread, at any time."""
        with self._lock:
            self.is_aborted = True
            if self._line is not None:
                # Not closed, which would not wake who waits for it. A TLS connection is cut too.
                with contextlib.suppress(OSError):
                    self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection: the call has ended."""
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None


_current: ContextVar[Call | None] = ContextVar("orchestrator_libcloud_call", default=None)


def current() -> Call | None:
    """Return the call under way in this thread."""
    return _current.get()


@contextmanager
def under(call: Call) -> Iterator[None]:
    """Let this call's terms hold for every connection that this thread makes or uses."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)
        call.close()
