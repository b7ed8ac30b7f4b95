"""Delays between the attempts and the checks of one operation."""

from __future__ import annotations

import random
from typing import Final

from orchestrator_core.broker.operations import attempts
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.state.clock_watch import LAG, ClockWatch
from orchestrator_core.state.database import Database

_FIRST_CONFIRMATION: Final = 0.25
"""Seconds between the first checks of a VM whose deletion was accepted."""
_FIRST_CONFIRMATIONS: Final = 4
"""Number of these first checks."""

_MOST_DOUBLINGS: Final = 10


class Delays:
    """The delays of the operations of this process; all are in seconds.

    Args:
        database: the database that holds the operations and their attempts.
        clock: the watch of this process over the database's clock.
        settings: the settings, with the retry delays.
    """

    def __init__(self, database: Database, clock: ClockWatch, settings: StateSettings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    def retry(self, operation: Operation) -> float:
        """Return the retry delay of an operation: the seconds until its next attempt."""
        settings = self._settings
        doublings = max(operation.attempts - 1, 0)
        return _backoff(settings.retry_delay, doublings, settings.max_retry_delay)

    def confirmation(self, checks: int) -> float:
        """Return the seconds until the next check of a VM whose deletion was accepted.

        Most clouds delete a VM within a second or two; some take minutes. The checks of the first
        second are therefore close together, and each later delay is twice as long as the last.

        Args:
            checks: the number of checks since the cloud accepted the deletion.
        """
        settings = self._settings
        first = min(_FIRST_CONFIRMATION, settings.retry_delay)
        doublings = max(checks + 1 - _FIRST_CONFIRMATIONS, 0)
        return _backoff(first, doublings, settings.max_retry_delay)

    async def search(self, operation: Operation, grace: float) -> float | None:
        """Return the seconds until the next search for the effect of an unanswered change.

        A jump of the database's clock does not shorten the grace period.

        Args:
            operation: the operation whose effect does not show yet.
            grace: the seconds within which the change may still take effect.

        Returns:
            The seconds; None once the grace period is over.
        """
        ended, gained = await self._database.read(
            lambda c: (attempts.of(c, operation.id), self._clock.gained(c, grace + LAG))
        )
        left = grace - attempts.lost_for(operation, ended) + gained
        return min(left, self.retry(operation)) if left > 0 else None


def _backoff(first: float, doublings: int, longest: float) -> float:
    """Return a delay in seconds that was doubled so often; it varies at random by 20 %."""
    doubled: float = first * 2 ** min(doublings, _MOST_DOUBLINGS)
    return min(longest, doubled) * random.uniform(0.8, 1.2)  # noqa: S311 - nothing secret
