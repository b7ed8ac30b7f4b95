"""Outcomes of calls, which are always the same for the same seed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random

from orchestrator_dummy.faults import Fault, Faults


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one call.

    Attributes:
        latency: the seconds by which the call takes longer.
        faults: the faults, for the operations that they can hit.
        error: the key in ``ERRORS`` of the error to raise, if one is raised.
        retry_after: the seconds that a rate limit names; None for none.
        visible_after: the seconds until lists show a start or a stop.
    """

    latency: float = 0.0
    faults: frozenset[Fault] = frozenset()
    error: str = "failed"
    retry_after: float | None = None
    visible_after: float = 0.0


UNHARMED = Outcome()


class Outcomes:
    """The outcomes of one cloud's calls.

    The n-th call of an operation has the same outcome for the same seed, whatever other operations
    are called in between. Each fault has its own random number, so a higher rate of one fault
    changes nothing for the others.

    Args:
        faults: the configured faults.
        seed: the seed of the random numbers.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self._numbers = {operation: itertools.count(1) for operation in faults.operations}

    def next(self, operation: str) -> Outcome:
        """Return the outcome of the next call of this operation. Thread-safe."""
        numbers = self._numbers.get(operation)
        return UNHARMED if numbers is None else self.nth(operation, next(numbers))

    def nth(self, operation: str, number: int) -> Outcome:
        """Return the outcome of one call, counted from 1."""
        random = Random(f"{self._seed}:{operation}:{number}")  # noqa: S311 - nothing secret
        faults = self._faults
        drawn = [(fault, random.random()) for fault in Fault]
        return Outcome(
            latency=faults.latency.draw(random),
            faults=frozenset(fault for fault, luck in drawn if luck < faults.rates.get(fault, 0.0)),
            error=faults.error,
            retry_after=faults.retry_after,
            visible_after=faults.visible_after,
        )
