"""A queue that divides threads and places among callers, with changes ahead of reads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from orchestrator_core.origin import Lane, Origin

T = TypeVar("T")

_CHANGES_IN_A_ROW: Final = 4
"""The most changes that are taken in a row while a read waits that could be taken."""

_FEWEST_TO_DIVIDE: Final = 4
"""The smallest number of threads of which some are kept free."""

_FIRST_OF_ALL: Final = (0, False, False)
"""The rank of a caller that has nothing running, for an item in the lane whose turn it is."""

_NONE: Final = (0, 0)
"""The counts of a caller that has nothing running, by lane."""


def spare_of(threads: int) -> int:
    """Return how many of the threads one caller, or one lane, has to leave to others."""
    return 0 if threads < _FEWEST_TO_DIVIDE else max(1, threads // 8)


class FairQueue(Generic[T]):
    """Waiting items, and counts of the items that were taken and are running.

    A lane may use all threads except :func:`spare_of` them, and so may a caller. A caller in one
    lane leaves twice as many free. A caller that floods one lane therefore leaves a thread to
    another caller in the same lane, and one to the other lane. Within these limits no thread is
    idle while an item waits.

    The caller with the fewest running items is next, whichever lane it waits in. Of its own items,
    changes go ahead of reads, and a read is taken after at most four changes in a row. The same
    order holds between callers with equally many; in the same lane they take turns. An item counts
    as its caller's first while none of that caller's runs in the same lane: a caller whose changes
    take long is not kept from a read by those who only read.

    The queue has no lock; its user must hold one.

    Args:
        threads: the number of items that run at the same time; None for a queue that only orders
            items, which are taken with :meth:`pop`.
    """

    def __init__(self, threads: int | None = None) -> None:
        most = threads if threads is not None else 1 << 30
        spare = 0 if threads is None else spare_of(threads)
        self._lane_limit = self.caller_limit = most - spare
        self._caller_lane_limit = most - 2 * spare
        self._lanes: tuple[OrderedDict[str, OrderedDict[T, None]], ...] = (
            OrderedDict(),
            OrderedDict(),
        )
        self._places: dict[T, list[Origin]] = {}
        self._charged: dict[T, Origin] = {}
        self._running: dict[str, list[int]] = {}
        self._running_in = [0, 0]
        self._changes_in_a_row = 0
        self._own_changes_in_a_row: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._places)

    def waiting_of(self, caller: str) -> int:
        """Return how many items of a caller wait."""
        return sum(len(lane[caller]) for lane in self._lanes if caller in lane)

    def running_of(self, caller: str) -> int:
        """Return how many items of a caller run."""
        return sum(self._running.get(caller, ()))

    def running_in(self, one: Origin) -> int:
        """Return how many running items were taken in the turn of an origin."""
        return self._running.get(one.caller, _NONE)[one.lane]

    def add(self, item: T, origins: Sequence[Origin]) -> None:
        """Add an item to the turns of these origins; the first turn takes it."""
        self._places[item] = []
        for one in origins:
            self.join(item, one)

    def join(self, item: T, one: Origin) -> None:
        """Add a waiting item to the turn of one more origin."""
        places = self._places.get(item)
        if places is None or one in places:
            return
        places.append(one)
        self._lanes[one.lane].setdefault(one.caller, OrderedDict())[item] = None

    def remove(self, item: T) -> bool:
        """Remove a waiting item; return whether it was waiting."""
        places = self._places.pop(item, None)
        if places is None:
            return False
        for one in places:
            lane = self._lanes[one.lane]
            items = lane[one.caller]
            del items[item]
            if not items:
                del lane[one.caller]
        return True

    def push_out(self, newcomer: Origin) -> T | None:
        """Remove and return an item that has to make room for a newcomer; None if there is none.

        It is the newest item of the caller with the most items, and a read if that caller has one.
        That caller must then still have at least as many items as the newcomer's caller. Otherwise
        a change replaces a read of its own caller. An item for which several callers wait is never
        removed.
        """
        most = max(self._waiting_callers(), key=self._total, default=None)
        if most is None:
            return None
        victim: T | None = None
        if self._total(most) - 1 >= self._total(newcomer.caller) + 1:
            victim = self._newest(most, Lane.READ) or self._newest(most, Lane.CHANGE)
        if victim is None and newcomer.lane is Lane.CHANGE:
            victim = self._newest(newcomer.caller, Lane.READ)
        if victim is not None:
            self.remove(victim)
        return victim

    @property
    def is_ready(self) -> bool:
        """Return whether :meth:`take` would return an item."""
        return self._next() is not None

    def take(self) -> T | None:
        """Return the next item and count it as running; None if none may run now."""
        found = self._first()
        if found is None:
            return None
        item, one = found
        self._charged[item] = one
        self._running.setdefault(one.caller, [0, 0])[one.lane] += 1
        self._running_in[one.lane] += 1
        return item

    def pop(self) -> T | None:
        """Return the next item without counting it as running; None if none waits."""
        found = self._first()
        return None if found is None else found[0]

    def release(self, item: T) -> None:
        """Stop counting an item as running."""
        one = self._charged.pop(item)
        running = self._running[one.caller]
        running[one.lane] -= 1
        self._running_in[one.lane] -= 1
        if not any(running):
            del self._running[one.caller]

    def _first(self) -> tuple[T, Origin] | None:
        one = self._next()
        return None if one is None else (self._take_of(one), one)

    def _take_of(self, one: Origin) -> T:
        queue = self._lanes[one.lane]
        item = next(iter(queue[one.caller]))
        self.remove(item)
        if one.caller in queue:
            queue.move_to_end(one.caller)  # the other callers' turns come first
        is_ahead = one.lane is Lane.CHANGE and bool(self._lanes[Lane.READ])
        self._changes_in_a_row = self._changes_in_a_row + 1 if is_ahead else 0
        if one.lane is Lane.CHANGE and one.caller in self._lanes[Lane.READ]:
            own = self._own_changes_in_a_row.get(one.caller, 0)
            self._own_changes_in_a_row[one.caller] = own + 1
        else:
            self._own_changes_in_a_row.pop(one.caller, None)
        return item

    def _next(self) -> Origin | None:
        """Return the origin whose turn it is; None if nothing may run."""
        turn = self._lane_after(self._changes_in_a_row)
        found: Origin | None = None
        first: tuple[int, bool, bool] | None = None
        for lane in (turn, Lane(1 - turn)):
            if self._running_in[lane] >= self._lane_limit:
                continue
            for caller in self._lanes[lane]:
                running = self._running.get(caller, _NONE)
                total = running[0] + running[1]
                if total >= self.caller_limit or running[lane] >= self._caller_lane_limit:
                    continue
                before = total if running[lane] else 0
                rank = (before, lane is not self._own_turn(caller), lane is not turn)
                if first is None or rank < first:
                    found, first = Origin(caller, lane), rank
                    if rank == _FIRST_OF_ALL:
                        return found
        return found

    def _own_turn(self, caller: str) -> Lane:
        """Return the lane from which a waiting caller's next item is taken."""
        changes, reads = self._lanes
        if caller in changes and caller in reads:
            return self._lane_after(self._own_changes_in_a_row.get(caller, 0))
        return Lane.CHANGE if caller in changes else Lane.READ

    @staticmethod
    def _lane_after(changes_in_a_row: int) -> Lane:
        return Lane.READ if changes_in_a_row >= _CHANGES_IN_A_ROW else Lane.CHANGE

    def _waiting_callers(self) -> set[str]:
        return {*self._lanes[Lane.CHANGE], *self._lanes[Lane.READ]}

    def _total(self, caller: str) -> int:
        return self.waiting_of(caller) + self.running_of(caller)

    def _newest(self, caller: str, lane: Lane) -> T | None:
        items = self._lanes[lane].get(caller, OrderedDict())
        return next((item for item in reversed(items) if len(self._places[item]) == 1), None)
