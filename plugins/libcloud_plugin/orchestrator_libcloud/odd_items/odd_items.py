"""Repair of a list in which a driver fails on one item.

A driver makes objects of a whole answer or raises an error. Here the answers of the call are
replayed to the driver. First they are cut down until one item is left on which it still fails. Then
the fields of that item are tried empty, until it no longer fails. With the odd fields empty
in the whole list the item is shown, with an unknown state if the field holds the state, and
everything else is unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from orchestrator_core import InvalidAnswer
from orchestrator_libcloud.answers.answer_trees import (
    GONE,
    children,
    is_element,
    leaf_texts,
    resolved,
    unresolved,
    value_at,
)
from orchestrator_libcloud.answers.item_places import described, identity, item_around
from orchestrator_libcloud.answers.odd_memory import digest_of, line_key
from orchestrator_libcloud.nodes.odd_log import log
from orchestrator_libcloud.nodes.to_json import plain
from orchestrator_libcloud.odd_items.answer_edits import Edits, is_same, put
from orchestrator_libcloud.odd_items.answer_tape import Tape
from orchestrator_libcloud.odd_items.odd_refusals import may_be_mismade, named_refusal
from orchestrator_libcloud.odd_items.odd_search import Mend, Search, UnreadableItem
from orchestrator_libcloud.odd_items.odd_trials import Outcome, Trials, fault_of
from orchestrator_libcloud.odd_items.odd_values import Pair
from orchestrator_libcloud.paging.paging import ListStopped
from orchestrator_libcloud.patterns import Pattern

_ROUNDS: Final = 20
_LINES: Final = 50
"""Largest number of log lines about one list."""
_STATE: Final = Pattern(r"stat(e|us)|power|\bstate?\b", re.IGNORECASE)


class Mender:
    """Finder of the odd items of one list call.

    Args:
        tape: the answers of the call.
        run: makes the driver build the list from the tape.
    """

    def __init__(self, tape: Tape, run: Callable[[], list[Any]]) -> None:
        self._tape = tape
        self._trials = Trials(tape, run)
        self._search = Search(self._trials, tape.kind)

    def shown(self, found: list[Any]) -> list[Any]:
        """Return the list that was made with the known mends of odd items.

        Args:
            found: the list that the driver made.
        """
        return self._shown(found, self._tape.known)

    def made_anew(self) -> list[Any]:
        """Return the list without the known mends, which did not help this time.

        Raises:
            InvalidAnswer: an item cannot be shown, as for :meth:`mended`.
            Exception: the driver's error, if no item can be found.
        """
        self._tape.memory.forget(self._tape.kind)
        self._tape.known = {}
        outcome = self._trials.attempt({}, may_ask=True)
        if outcome.found is not None:
            return outcome.found
        assert outcome.error is not None
        return self.mended(outcome.error)

    def mended(self, error: Exception) -> list[Any]:
        """Return the list that the driver failed to make.

        Args:
            error: the error with which it failed.

        Raises:
            InvalidAnswer: an item cannot be shown; names the item and its field.
            Exception: ``error``, if no item can be found.
        """
        outcome = Outcome(fault=fault_of(error, self._tape))
        key = self._tape.kind, outcome.fault
        self._refuse_again(key)
        try:
            return self._searched(outcome, error)
        except UnreadableItem as refusal:
            mend = refusal.mend
            tree = self._tape.entries[mend.number].tree
            self._tape.memory.refuse(key, mend.number, tree, mend.path)
            raise
        except ListStopped as stopped:
            named = self._named(stopped.error)
            raise named or stopped from (stopped.error if named else None)

    def _named(self, refusal: Exception) -> InvalidAnswer | None:
        """Return an error that names the item because of which a trial's request was refused."""
        if not may_be_mismade(refusal):
            return None
        named = named_refusal(self._tape, self._trials.run, self._tape.kind, refusal)
        mends = [mend for mend in self._mends_of(self._trials.tried) if mend.value is not GONE]
        # The cloud's values do not make this request, so it is made of the value that was tried
        # last.
        return named or (self._search.refused(mends[-1]) if mends else None)

    def _refuse_again(self, key: Any) -> None:
        """Raise the error of an earlier list, if the item that it named is unchanged."""
        known = self._tape.memory.refused(key)
        if known is None or known.number >= len(self._tape.entries):
            return
        tree = self._tape.entries[known.number].tree
        if digest_of(value_at(tree, known.item)) == known.digest:
            odd = value_at(tree, known.path)
            raise self._search.refused(Mend(known.number, known.path, odd, None))

    def _searched(self, outcome: Outcome, error: Exception) -> list[Any]:
        edits: Edits = {}
        for _ in range(_ROUNDS):
            mends = self._search.mends_for(edits, outcome, error)
            for extended in self._extended(edits, mends):
                outcome = self._trials.attempt(extended, may_ask=True)
                if outcome.found is not None:
                    break
            edits = extended
            if outcome.found is not None:
                found = self._shown(outcome.found, edits)
                self._tell(edits)
                self._remember(edits)
                return found
        raise error

    def _extended(self, edits: Edits, mends: list[Mend]) -> Iterator[Edits]:
        """Yield the edits with further mends, the fewest first."""
        # The first mend may be enough together with other items, which the search cut off.
        for new in (mends[:1], mends) if len(mends) > 1 else (mends,):
            alone: Edits = {number: dict(some) for number, some in edits.items()}
            for mend in new:
                put(alone, mend.number, mend.path, mend.value)
            # A driver may not need the same field of other items: then these are not odd.
            yield alone
            spread: Edits = {number: dict(some) for number, some in edits.items()}
            for mend in new:
                self._spread(mend, spread)
            if spread != alone:
                yield spread

    def _remember(self, edits: Edits) -> None:
        for number, some in edits.items():
            tree = self._tape.entries[number].tree
            for path, value in some.items():
                self._tape.memory.note(self._tape.kind, tree, path, value)

    def _spread(self, mend: Mend, edits: Edits) -> None:
        """Change the same field of every item in which it is odd in the same way."""
        put(edits, mend.number, mend.path, mend.value)
        if mend.item is None:
            return
        tree = self._tape.entries[mend.number].tree
        item = value_at(tree, mend.item.path)
        names = resolved(item, mend.path[len(mend.item.path) :])
        for step, other in children(value_at(tree, mend.item.group)):
            there = unresolved(other, names)
            if there is None or type(other) is not type(item):
                continue
            if is_same(value_at(other, there), mend.odd):
                put(edits, mend.number, (*mend.item.group, step, *there), mend.value)

    def _shown(self, found: list[Any], edits: Edits) -> list[Any]:
        """Return the driver's list, without the values that we made up."""
        if any(isinstance(value, Pair) for some in edits.values() for value in some.values()):
            others = self._made_of_others(found, edits)
            for one in found:
                if (two := others.get(str(one.id))) is not None:
                    _forget_differences(one, two)
        self._forget_states(found, edits)
        return found

    def _tell(self, edits: Edits) -> None:
        """Log each odd item, up to a limit."""
        mends = list(self._mends_of(edits))
        for mend in mends[:_LINES]:
            what = f"{self._search.field(mend)} is {described(mend.odd)}"
            log(
                f"{self._search.label(mend)}: {what}, which Libcloud's driver cannot read; "
                "shown without it",
                line_key(self._tape.kind, self._tape.entries[mend.number].tree, mend.path),
            )
        if len(mends) > _LINES:
            log(f"{len(mends) - _LINES} further odd fields of {self._tape.kind}s are not named")

    def _mends_of(self, edits: Edits) -> Iterator[Mend]:
        for number, some in edits.items():
            tree = self._tape.entries[number].tree
            for path, value in some.items():
                yield Mend(number, path, value_at(tree, path), value)

    def _made_of_others(self, found: list[Any], edits: Edits) -> dict[str, Any]:
        """Return the things made from the second of two made-up values, by id.

        Only the items that have such values are made again, if the driver does not need the others.
        """
        few = self._trials.attempt(self._cut_down(edits), variant=1)
        others = {str(one.id): one for one in few.found or ()}
        if others and others.keys() <= {str(one.id) for one in found}:
            return others
        all_of_them = self._trials.attempt(edits, may_ask=True, variant=1)
        return {str(one.id): one for one in all_of_them.found or ()}

    def _cut_down(self, edits: Edits) -> Edits:
        """Return edits that leave in each group of items only those with made-up values."""
        small: Edits = {number: dict(some) for number, some in edits.items()}
        for number, some in edits.items():
            tree = self._tape.entries[number].tree
            made_up = {item_around(tree, path) for path, v in some.items() if isinstance(v, Pair)}
            for item in filter(None, made_up):
                kept = {one[-1] for one in made_up if one[:-1] == item[:-1]}
                for step, other in children(value_at(tree, item[:-1])):
                    if step not in kept and type(other) is type(value_at(tree, item)):
                        put(small, number, (*item[:-1], step), GONE)
        return small

    def _forget_states(self, found: list[Any], edits: Edits) -> None:
        """Remove the state of each item whose state is odd."""
        ids = {str(thing.id) for thing in found if hasattr(thing, "state")}
        odd: set[str] = set()
        for mend in self._mends_of(edits):
            if _STATE.search(self._search.field(mend)):
                tree = self._tape.entries[mend.number].tree
                item = value_at(tree, item_around(tree, mend.path))
                own = identity(item)
                odd |= {own} if own in ids else leaf_texts(item)
        for thing in found:
            if hasattr(thing, "state") and str(thing.id) in odd:
                thing.state = "unknown"


def _forget_differences(one: Any, two: Any) -> None:
    """Remove what differs between two results for one thing: it comes from the made-up values."""
    for name, value in list(vars(one).items()):
        other = vars(two).get(name)
        if name in ("driver", "id", "_uuid") or plain(value) == plain(other):
            continue
        if isinstance(value, dict) or is_element(value):
            setattr(one, name, _common(value, other))
        elif isinstance(value, list) and isinstance(other, list):
            setattr(one, name, [item for item in value if item in other])
        else:
            setattr(one, name, "unknown" if name == "state" else None)


def _common(one: Any, two: Any) -> Any:
    """Return a tree with null wherever another tree has a different value."""
    if isinstance(one, dict) and isinstance(two, dict):
        return {key: _common(value, two.get(key)) for key, value in one.items()}
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [_common(*pair) for pair in zip(one, two, strict=True)]
    if is_element(one) and is_element(two) and len(one) == len(two):
        made = one.makeelement(one.tag, {k: v for k, v in one.attrib.items() if two.get(k) == v})
        made.text = one.text if one.text == two.text else None
        made.extend(_common(*pair) for pair in zip(one, two, strict=True))
        return made
    return one if plain(one) == plain(two) else None
