"""Decides what happens to each call, always the same from the same seed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random

from orchestrator_dummy.faults import Fault, Faults


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one call.

    Attributes:
        latency: seconds that it takes longer.
        faults: what goes wrong, where the operation is one that it can happen to.
        error: which error it is, if it is one; a key of ``ERRORS``.
        retry_after: seconds that a rate limit tells, None for none.
        visible_after: seconds until lists show a start or a stop.
    """

    latency: float = 0.0
    faults: frozenset[Fault] = frozenset()
    error: str = "failed"
    retry_after: float | None = None
    visible_after: float = 0.0


UNHARMED = Fate()


class Fates:
    """The fates of one cloud's calls.

    The n-th call of an operation has the same fate for the same seed, whatever else is called in
    between. Each fault has a random number of its own, so that a higher rate of one
    changes nothing for the others.

    Args:
        faults: what the settings say.
        seed: where the random numbers begin.
    """

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self._numbers = {operation: itertools.count(1) for operation in faults.operations}

    def next(self, operation: str) -> Fate:
        """Return the fate of the next call of this operation; from any thread."""
        numbers = self._numbers.get(operation)
        return UNHARMED if numbers is None else self.nth(operation, next(numbers))

    def nth(self, operation: str, number: int) -> Fate:
        """Return the fate of one call, counted from 1."""
        random = Random(f"{self._seed}:{operation}:{number}")  # noqa: S311 - nothing secret
        faults = self._faults
        drawn = [(fault, random.random()) for fault in Fault]
        return Fate(
            latency=faults.latency.draw(random),
            faults=frozenset(fault for fault, luck in drawn if luck < faults.rates.get(fault, 0.0)),
            error=faults.error,
            retry_after=faults.retry_after,
            visible_after=faults.visible_after,
        )
