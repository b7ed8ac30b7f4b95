"""Keeps a list whole in which a driver falls over one item.

A driver makes objects of a whole answer or raises. Here the answers of the call are given to it
again, first cut down until one item is left over which it still falls, then with one field of
that item empty, until it falls no more. With these fields empty in the whole list the item is
shown, state unknown where the field tells it, and everything else is as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from orchestrator_libcloud.answer_edits import Edits, is_same, put
from orchestrator_libcloud.answer_tape import Tape
from orchestrator_libcloud.answer_trees import (
    children,
    is_element,
    leaf_texts,
    resolved,
    unresolved,
    value_at,
)
from orchestrator_libcloud.item_places import described, item_around
from orchestrator_libcloud.odd_log import tell
from orchestrator_libcloud.odd_search import Mend, Search
from orchestrator_libcloud.odd_trials import Outcome, Trials, fault_of
from orchestrator_libcloud.odd_values import Pair
from orchestrator_libcloud.plain import plain

_ROUNDS: Final = 20
_STATE: Final = re.compile(r"stat(e|us)|power|\bstate?\b", re.IGNORECASE)


class Mender:
    """Finds the odd items of one list call.

    Args:
        tape: the answers of the call.
        run: makes the list of what the tape gives.
        kind: what is listed, for messages: ``node``.
    """

    def __init__(self, tape: Tape, run: Callable[[], list[Any]], kind: str) -> None:
        self._tape = tape
        self._trials = Trials(tape, run)
        self._search = Search(self._trials, kind)

    def mended(self, error: Exception) -> list[Any]:
        """Return the list that the driver failed to make.

        Args:
            error: what it failed with.

        Raises:
            NonsenseAnswer: names the item and its field, where the item cannot be shown.
            Exception: ``error``, where no item can be found.
        """
        outcome = Outcome(fault=fault_of(error, self._tape))
        edits: Edits = {}
        mends: list[Mend] = []
        for _ in range(_ROUNDS):
            found = self._search.mends_for(edits, outcome, error)
            # The first may be enough where there are other items, which the search cut off.
            for new in (found[:1], found) if len(found) > 1 else (found,):
                trial = {number: dict(some) for number, some in edits.items()}
                for mend in new:
                    self._spread(mend, trial)
                outcome = self._trials.attempt(trial, may_ask=True)
                if outcome.found is not None:
                    break
            edits = trial
            mends += new
            if outcome.found is not None:
                return self._shown(outcome.found, edits, mends)
        raise error

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

    def _shown(self, found: list[Any], edits: Edits, mends: list[Mend]) -> list[Any]:
        """Return what was made, without what we made up, and tell the log."""
        if any(isinstance(value, Pair) for some in edits.values() for value in some.values()):
            other = self._trials.attempt(edits, may_ask=True, variant=1)
            for one, two in zip(found, other.found or (), strict=True):
                _forget_differences(one, two)
        for mend in mends:
            if _STATE.search(self._search.field(mend)):
                self._forget_state(found, edits, mend)
            what = f"{self._search.field(mend)} is {described(mend.odd)}"
            tell(
                f"{self._search.label(mend)}: {what}, which Libcloud's driver cannot read; "
                "shown without it"
            )
        return found

    def _forget_state(self, found: list[Any], edits: Edits, mend: Mend) -> None:
        tree = self._tape.entries[mend.number].tree
        texts = leaf_texts(value_at(tree, item_around(tree, mend.path)))
        for thing in found:
            if hasattr(thing, "state") and str(thing.id) in texts:
                thing.state = "unknown"


def _forget_differences(one: Any, two: Any) -> None:
    """Take off what differs between two makes of one thing: it comes from what we made up."""
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
    """Return a tree in which everything is null that another tree has in another way."""
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
