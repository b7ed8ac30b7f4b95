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
    """One behaviour of the contract, which one test of the kit checks.

    Attributes:
        number: The number, for example ``C7``: S for the package, C for clouds, A for assignment
            backends, E for extensions, L for live runs against real clouds. A number is never
            given to another behaviour.
        title: The behaviour in one sentence.
        hooks: The hooks that the test calls. If the plugin does not support one of them, the test
            checks the documented refusal instead.
        why: The rest of the test's docstring.
        is_gate: Whether no other behaviour of the suite can be checked without this one.
        is_last: Whether the test checks everything that the suite has done before.
    """

    number: str
    title: str
    hooks: tuple[str, ...]
    why: str
    is_gate: bool
    is_last: bool

    @property
    def place(self) -> tuple[str, int]:
        """The place on the page: packages first, then by kind and number."""
        return {"S": "0"}.get(self.number[0], self.number[0]), int(self.number[1:])

    @property
    def turn(self) -> tuple[str, bool, int]:
        """The place in the run of a suite."""
        kind, number = self.place
        return kind, self.is_last, number


def behaviour(number: str, *hooks: str, gate: bool = False, last: bool = False) -> Callable[[T], T]:
    """Mark a test as the check of a behaviour.

    The first line of the test's docstring is the behaviour's title; the rest gives the reason.
    """

    def mark(test: T) -> T:
        title, _, why = (inspect.getdoc(test) or "").partition("\n")
        assert title, f"the test of {number} needs a docstring"
        assert number not in BEHAVIOURS, f"the number {number} is already in use"
        shown = Behaviour(number, title.rstrip("."), hooks, " ".join(why.split()), gate, last)
        BEHAVIOURS[number] = shown
        setattr(test, _ATTRIBUTE, shown)
        return test

    return mark


def behaviour_of(test: object) -> Behaviour | None:
    """Return the behaviour that a test function checks; None for any other function."""
    return getattr(test, _ATTRIBUTE, None)


def behaviours_of(suite: type) -> dict[str, Behaviour]:
    """Return the behaviours that a class and its bases check, by the names of the tests.

    A behaviour that the class overrides or deletes is included, so that the run reports it.
    """
    found: dict[str, Behaviour] = {}
    for base in reversed(suite.__mro__):
        for name, test in vars(base).items():
            shown = behaviour_of(test)
            if shown is not None:
                found[name] = shown
    return found
