"""The cost of requests: the longest step of the event loop, and the work of the whole process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.fuzz.in_process import Harness
from tests.fuzz.raw_inputs import RawInput

RECEIVED = 1 << 18
"""Bytes that asyncio reads from a socket at a time."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time, so that other processes of the machine do not count.

    Attributes:
        step: the longest step of the event loop.
        total: the whole process, threads included.
    """

    step: float
    total: float

    def is_within(self, limit: Cost) -> bool:
        """Return whether neither is more than in a limit."""
        return self.step <= limit.step and self.total <= limit.total


class Meter:
    """A meter of requests' costs.

    Args:
        harness: a harness with the real application.
    """

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    def cost(self, request: bytes, enough: Cost | None = None, times: int = 3) -> Cost:
        """Return the lowest cost of a request over several attempts.

        Args:
            request: the request.
            enough: a cost that ends the attempts, since lower ones would tell no more.
            times: the most attempts.
        """
        lowest = self._once(request)
        for _ in range(times - 1):
            if enough is not None and lowest.is_within(enough):
                break
            other = self._once(request)
            lowest = Cost(min(lowest.step, other.step), min(lowest.total, other.total))
        return lowest

    def _once(self, request: bytes) -> Cost:
        parts = (request[at : at + RECEIVED] for at in range(0, len(request), RECEIVED))
        given = RawInput(tuple(parts))
        with _timed_steps() as steps:
            begun = time.process_time()
            outcome = self._harness.feed(given)
            total = time.process_time() - begun
        assert outcome.tracebacks == []
        assert outcome.written.startswith(b"HTTP/1.1 "), request[:200]
        return Cost(max(steps), total)


@contextmanager
def _timed_steps() -> Iterator[list[float]]:
    """Record the processor time of each step of event loops in this thread."""
    steps, run = list[float](), asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        begun = time.thread_time()
        run(handle)
        steps.append(time.thread_time() - begun)

    asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]
    try:
        yield steps
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]
