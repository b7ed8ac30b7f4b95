"""One numbered behaviour of the contract, and the list of all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

_ATTRIBUTE: Final = "orchestrator_behaviour"

BEHAVIOURS: Final[dict[str, Behaviour]] = {}
"""Every behaviour by its number."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one test of the kit shows.

    Attributes:
        number: ``C7`` say: S for the package, C for clouds, A for assignment backends,
            E for extensions, L for what real clouds are left with. A number is never given twice,
            and never to something else.
        title: what a plugin does that has it.
        hooks: what it needs of the plugin; where one of them is not claimed, the documented refusal
            is shown instead.
        why: the rest of the test's docstring.
        is_gate: without it nothing else of the suite can be shown.
        is_last: it is asked of all that the suite has done before.
    """

    number: str
    title: str
    hooks: tuple[str, ...]
    why: str
    is_gate: bool
    is_last: bool

    @property
    def place(self) -> tuple[str, int]:
        """Where it stands among the others: packages first, then by its number."""
        return {"S": "0"}.get(self.number[0], self.number[0]), int(self.number[1:])

    @property
    def turn(self) -> tuple[str, bool, int]:
        """When it is shown."""
        kind, number = self.place
        return kind, self.is_last, number


def behaviour(number: str, *hooks: str, gate: bool = False, last: bool = False) -> Callable[[T], T]:
    """Mark a test as the one that shows a behaviour.

    The first line of the test's docstring is the behaviour's title, the rest says why.
    """

    def mark(test: T) -> T:
        title, _, why = (inspect.getdoc(test) or "").partition("\n")
        assert title, f"{number} says nothing"
        assert number not in BEHAVIOURS, f"{number} is taken"
        shown = Behaviour(number, title.rstrip("."), hooks, " ".join(why.split()), gate, last)
        BEHAVIOURS[number] = shown
        setattr(test, _ATTRIBUTE, shown)
        return test

    return mark


def behaviour_of(test: object) -> Behaviour | None:
    """Return the behaviour that a test function shows; None for any other function."""
    return getattr(test, _ATTRIBUTE, None)


def behaviours_of(suite: type) -> dict[str, Behaviour]:
    """Return the behaviours that a class shows by the names of its tests, as its bases have them.

    What the class itself overrides or deletes still counts: it was promised.
    """
    found: dict[str, Behaviour] = {}
    for base in reversed(suite.__mro__):
        for name, test in vars(base).items():
            shown = behaviour_of(test)
            if shown is not None:
                found[name] = shown
    return found
