"""The calls of a bulkhead that run although no caller waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator_core.clouds.pending_call import PendingCall
from orchestrator_core.origin import Origin


class OverdueCalls:
    """The count of overdue calls, and of the threads that were replaced because of them.

    At most as many threads are replaced as the bulkhead has. The bulkhead calls every method under
    its lock.

    Args:
        threads: the number of calls that may run at the same time.

    Attributes:
        running: the number of running calls without a waiting caller, including lost ones.
        lost: the number of threads that did not return and were replaced.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._of_callers: Counter[str] = Counter()
        self.running = 0
        self.lost = 0

    def has_thread_for(self, origins: Sequence[Origin], spare: int) -> bool:
        """Return whether a new call of these callers can find a thread at all.

        Args:
            origins: the callers of the new call.
            spare: the number of threads that one caller leaves to the others.
        """
        # The hanging calls of one caller must leave a thread to the others.
        most_of_one = max(self._of_callers[one.caller] for one in origins)
        return max(self.running, most_of_one + spare) < 2 * self._threads

    def add(self, pending: PendingCall) -> None:
        """Count a running call whose last waiting caller has left."""
        pending.overdue = True
        self.running += 1
        self._of_callers[pending.origin.caller] += 1

    def write_off(self, pending: PendingCall) -> bool:
        """Count the thread of a call as lost, unless too many are lost already.

        Returns:
            Whether another thread replaces it.
        """
        pending.lost = self.lost < self._threads
        self.lost += pending.lost
        return pending.lost

    def remove(self, pending: PendingCall) -> None:
        """Forget a call that has ended."""
        if not pending.overdue:
            return
        self.running -= 1
        self._of_callers[pending.origin.caller] -= 1
        self._of_callers += Counter()  # Drops the callers whose count is zero.
        self.lost -= pending.lost
