"""Search for the field of one item on which a driver fails."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_core import InvalidAnswer
from orchestrator_libcloud.answers.answer_trees import (
    GONE,
    Path,
    groups,
    is_element,
    spelled,
    value_at,
    walk,
)
from orchestrator_libcloud.answers.item_places import (
    IDS,
    ITSELF,
    Place,
    described,
    field_name,
    is_in_item,
    item_around,
    label,
    looks_odd,
    may_change,
)
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.nodes.odd_log import cloud_name
from orchestrator_libcloud.odd_items.answer_edits import Edits, is_cut, is_in, is_same, put
from orchestrator_libcloud.odd_items.answer_tape import Unrecorded
from orchestrator_libcloud.odd_items.item_peers import donors, lacking_fields
from orchestrator_libcloud.odd_items.odd_refusals import may_be_mismade
from orchestrator_libcloud.odd_items.odd_trials import NoIdentity, Outcome, Trials
from orchestrator_libcloud.odd_items.odd_values import Pair, empty_values, filled_values
from orchestrator_libcloud.paging.paging import ListStopped
from orchestrator_libcloud.patterns import Pattern

_SECONDS: Final = 10.0
"""Processor time of this thread: a busy machine must not end a search early. The call's own
deadline limits the time on the clock.
"""

_FIELDS: Final = 40
_NEARBY: Final = 12
"""Number of further fields that are tried if one lets the driver continue, but not to the end."""

_OTHERS: Final = 300
_ID: Final = Pattern(r"id\b|id\Z|slug|name|code|identifier|key", re.IGNORECASE)


@dataclass
class Mend:
    """One field of one item, and the value that replaces it."""

    number: int
    path: Path
    odd: Any
    value: Any
    item: Place | None = None


class UnreadableItem(InvalidAnswer):
    """Error: a list cannot be made because of one item.

    Attributes:
        mend: the odd field.
    """

    def __init__(self, message: str, mend: Mend) -> None:
        super().__init__(message)
        self.mend = mend


class OutOfTime(InvalidAnswer):
    """Error: the search for the odd item takes too long."""


class Search:
    """Search for odd items in the answers of one list call.

    Args:
        trials: the trials with the driver.
        kind: the kind of things in the list, for messages: ``node``.
    """

    def __init__(self, trials: Trials, kind: str) -> None:
        self._trials = trials
        self._tape = trials.tape
        self._kind = kind
        self._end = time.thread_time() + _SECONDS
        self._made_up: Mend | None = None
        self._may_ask = True

    def mends_for(self, edits: Edits, outcome: Outcome, error: Exception) -> list[Mend]:
        """Return the fields of one item on which the driver fails."""
        small, items = self._isolated(edits, outcome.fault)
        base = self._trials.attempt(small, traced=True)
        if base.found is not None or base.fault != outcome.fault:
            raise error
        try:
            return self._mends(small, items, base, error)
        except OutOfTime:
            raise self._refusal(items, base, error) from error

    def _mends(
        self, small: Edits, items: list[Place], base: Outcome, error: Exception
    ) -> list[Mend]:
        without = self._count_without(small, items)
        mends: list[Mend] = []
        first, cut = base, {number: dict(some) for number, some in small.items()}
        self._made_up = None
        for _ in range(_FIELDS):
            mend, better = self._best(small, items, base, without)
            if mend is None:
                break
            mends.append(mend)
            put(small, mend.number, mend.path, mend.value)
            base = better
            if base.found is not None:
                return self._needed(cut, mends, base.count)
        if self._made_up is not None:
            raise self.refused(self._made_up) from error
        raise self._refusal(items, first, error) from error

    def _needed(self, cut: Edits, mends: list[Mend], count: int) -> list[Mend]:
        """Return the changes without those that only seemed to let the driver continue."""
        for mend in mends[:-1]:
            self._check_time()
            fewer = [one for one in mends if one is not mend]
            trial = {number: dict(some) for number, some in cut.items()}
            for one in fewer:
                put(trial, one.number, one.path, one.value)
            if self._trials.attempt(trial).count == count:
                mends = fewer
        return mends

    def _isolated(self, edits: Edits, fault: Any) -> tuple[Edits, list[Place]]:
        """Cut the answers down to the part on which the driver still fails in the same way."""
        small = {number: dict(some) for number, some in edits.items()}
        items: list[Place] = []
        for number, entry in enumerate(self._tape.entries):
            for path, node in walk(entry.tree):
                if is_cut(small.get(number, {}), path) or is_in_item(entry.tree, path):
                    continue
                for steps in groups(node):
                    left = self._halved(small, number, path, steps, fault)
                    if len(left) == 1 and len(steps) > 1:
                        items.append(Place(number, path, left[0]))
        return small, items

    def _halved(
        self, small: Edits, number: int, path: Path, steps: list[str | int], fault: Any
    ) -> list[str | int]:
        """Cut one set of items down by halves; record the removed items in ``small``."""
        while len(steps) > 1:
            self._check_time()
            middle = len(steps) // 2
            for kept, cut in ((steps[:middle], steps[middle:]), (steps[middle:], steps[:middle])):
                some = small.get(number, {})
                trial = {**small, number: {**some, **{(*path, step): GONE for step in cut}}}
                if self._trials.attempt(trial).fault == fault:
                    small[number] = trial[number]
                    steps = kept
                    break
            else:
                break
        return steps

    def _count_without(self, small: Edits, items: list[Place]) -> int:
        """Return how many things a list has without the odd item."""
        counts = []
        for item in items:
            self._check_time()
            trial = {number: dict(some) for number, some in small.items()}
            put(trial, item.number, item.path, GONE)
            outcome = self._trials.attempt(trial)
            counts += [outcome.count] if outcome.found is not None else []
        return min(counts, default=0)

    def _best(
        self, small: Edits, items: list[Place], base: Outcome, without: int
    ) -> tuple[Mend | None, Outcome]:
        """Return the change with which the driver finishes, or at least gets further."""
        further: tuple[Mend, Outcome] | None = None
        is_nameless = base.fault == (NoIdentity,)
        candidates = list(self._candidates(small, items, base))
        if is_nameless:
            candidates.sort(key=lambda one: not _ID.search(self._last_name(*one)))
        since, fewest = 0, max(without, base.made - 1)
        for number, path in candidates:
            if is_nameless and self._made_up and not _ID.search(self._last_name(number, path)):
                break  # only an id is missing, and the field that lacks it is known
            tree = self._tape.entries[number].tree
            odd = small.get(number, {}).get(path, GONE)
            odd = value_at(tree, path) if odd is GONE else odd
            item = next((i for i in items if i.number == number and is_in(i.path, path)), None)
            empty = () if is_nameless else empty_values(path, odd)
            for value in (*empty, *filled_values(self._donors(item, path))):
                self._check_time()
                trial = {n: dict(some) for n, some in small.items()}
                put(trial, number, path, value)
                outcome = self._trials.attempt(trial, traced=True)
                if outcome.fault == (Unrecorded,):
                    # The driver's next read for this item did not happen before it failed.
                    outcome = self._asked(trial)
                mend = Mend(number, path, odd, value, item)
                if outcome.found is not None and outcome.count > fewest:
                    if not isinstance(value, Pair) or self._is_same_thing(trial, outcome):
                        return mend, outcome
                    self._made_up = self._made_up or mend
                    # This many things have a made-up id, and none of them may be hidden.
                    fewest = max(fewest, outcome.count - 1)
                elif not is_nameless and outcome.found is None and outcome.fault != (Unrecorded,):
                    before = base if further is None else further[1]
                    if len(outcome.trace.asked) > len(before.trace.asked):
                        further = mend, outcome
            since += further is not None
            if further is not None and since > _NEARBY:
                return further
        return further or (None, base)

    def _asked(self, trial: Edits) -> Outcome:
        """Run the driver with real requests, until one is refused for its content."""
        try:
            return self._trials.attempt(trial, traced=True, may_ask=self._may_ask)
        except ListStopped as stopped:
            if not may_be_mismade(stopped.error):
                raise
            self._may_ask = False  # do not send the cloud such a trial a second time
            return Outcome(fault=(Unrecorded,))

    def _last_name(self, number: int, path: Path) -> str:
        return spelled(self._tape.entries[number].tree, path).rpartition(".")[2]

    def _candidates(
        self, small: Edits, items: list[Place], base: Outcome
    ) -> Iterator[tuple[int, Path]]:
        """Yield places to change, starting with what the driver read last."""
        seen: set[tuple[int, Path]] = set()
        places = [
            (number, path, node)
            for number, root in self._roots(items)
            for path, node in walk(value_at(self._tape.entries[number].tree, root), root, _OTHERS)
        ]
        # A driver may have read a copy of its own, which is not traced.
        missing = (
            (number, (*path, base.missing))
            for number, path, node in places
            if base.missing and isinstance(node, dict) and base.missing not in node
        )
        lacking = (
            (item.number, path)
            for item in items
            for path in lacking_fields(self._tape.entries[item.number].tree, item)
        )
        others = ((number, path) for number, path, _ in places)
        for number, path in (*reversed(base.trace.asked), *missing, *lacking, *others):
            is_root = not path or any(i.number == number and i.path == path for i in items)
            is_done = (number, path) in seen or is_cut(small.get(number, {}), path)
            if not (is_root or is_done) and may_change(self._tape.entries[number].tree, path):
                seen.add((number, path))
                yield number, path

    def _roots(self, items: list[Place]) -> Iterator[tuple[int, Path]]:
        for number in reversed(range(len(self._tape.entries))):
            yield number, next((i.path for i in items if i.number == number), ())

    def _donors(self, item: Place | None, path: Path) -> Iterator[Any]:
        """Yield the values that other items of the same answer have at the same place."""
        if item is not None:
            yield from donors(self._tape.entries[item.number].tree, item, path)

    def _is_same_thing(self, trial: Edits, outcome: Outcome) -> bool:
        """Return whether the same thing is made from either of two made-up values."""
        other = self._trials.attempt(trial, variant=1)
        ids = [[str(thing.id) for thing in one.found or ()] for one in (outcome, other)]
        return ids[0] == ids[1]

    def _refusal(self, items: list[Place], base: Outcome, error: Exception) -> Exception:
        """Return an error that names the field that is most likely odd, else the driver's error."""
        found = [
            Mend(number, path, value_at(self._tape.entries[number].tree, path), None)
            for number, path in self._candidates({}, items, base)
        ]
        found = [mend for mend in found if self.field(mend) != ITSELF]
        if not found:
            return error
        if isinstance(error, KeyError):
            missing = [m for m in found if self._last_name(m.number, m.path) == error.args[0]]
            found = [m for m in missing if m.odd is GONE] or found
        else:
            found = self._looked_up(found, base, error) or found
        # Python quotes the value that it cannot read, or the name of its type.
        quoted = [mend for mend in found if _is_quoted(mend.odd, error)]
        found = quoted or found
        found = self._of_last_item(found, base) or found
        if isinstance(error, StopIteration):
            return self.refused(found[0])  # no value fitted in the list that was searched last
        if base.fault == (NoIdentity,):
            found.sort(key=lambda mend: self._last_name(mend.number, mend.path).lower() not in IDS)
        return self.refused(min(found, key=lambda mend: self._is_ordinary(mend, items)))

    def _looked_up(self, found: list[Mend], base: Outcome, error: Exception) -> list[Mend]:
        """Return the fields without those that are missing and that no trace shows as read.

        An error about None or about an id may come from one of these: they then go last.
        """
        asked = set(base.trace.asked)
        unseen = [m for m in found if m.odd is GONE and (m.number, m.path) not in asked]
        seen = [m for m in found if m.odd is not GONE or (m.number, m.path) in asked]
        may_be_unseen = _is_about_none(error) or base.fault == (NoIdentity,)
        return [*seen, *unseen] if may_be_unseen else seen

    def _of_last_item(self, found: list[Mend], base: Outcome) -> list[Mend]:
        """Return the fields of the item that the driver was reading when it failed."""
        if base.fault == (NoIdentity,) or not base.trace.asked:
            return []
        number, path = base.trace.asked[-1]
        last = item_around(self._tape.entries[number].tree, path)
        return [m for m in found if m.number == number and is_in(last, m.path)]

    def _is_ordinary(self, mend: Mend, items: list[Place]) -> int:
        """Return how ordinary a field is: the least ordinary field is most likely the odd one."""
        item = next(
            (i for i in items if i.number == mend.number and is_in(i.path, mend.path)), None
        )
        peers = list(self._donors(item, mend.path))
        kinds = {type(one) for one in peers if one is not None and one is not GONE}
        outside = 3 if items and item is None else 0
        if kinds and type(mend.odd) not in kinds:
            return outside
        is_usual = any(is_same(one, mend.odd) for one in peers)
        return outside + (1 if looks_odd(mend.odd) and not is_usual else 2)

    def refused(self, mend: Mend) -> UnreadableItem:
        """Return the error for a list that cannot be made because of this field."""
        return UnreadableItem(
            f"{cloud_name()} gave {self.label(mend)} with a field that cannot be understood: "
            f"{self.field(mend)} is {described(mend.odd)}",
            mend,
        )

    def _check_time(self) -> None:
        if (call := current()) is not None:
            call.check()
        if time.thread_time() > self._end:
            raise OutOfTime(f"{cloud_name()} returned a {self._kind} that cannot be understood")

    def label(self, mend: Mend) -> str:
        """Return the position of an item, and its name or id."""
        return label(self._kind, self._tape.entries[mend.number].tree, mend.path)

    def field(self, mend: Mend) -> str:
        """Return a field's path from its item, as text."""
        return field_name(self._tape.entries[mend.number].tree, mend.path)


def _is_about_none(error: Exception) -> bool:
    return isinstance(error, AttributeError | TypeError) and "'NoneType'" in str(error)


def _is_quoted(odd: Any, error: Exception) -> bool:
    value = odd.text if is_element(odd) else odd
    if isinstance(error, AttributeError | TypeError):
        if is_element(odd) and len(odd):
            return False  # it has children: a driver does not read it as None
        value = None if odd is GONE else value
        return f"'{type(value).__name__}'" in str(error)
    return isinstance(value, str) and bool(value) and repr(value) in str(error)
