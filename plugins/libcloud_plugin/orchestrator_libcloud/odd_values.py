"""What can stand in an item's field so that a driver gets through: nothing, or two made-up values.

Where a driver needs something to be there, such as a date to parse, it gets a value that was made
up. The list is then made twice, of two different ones, and what differs between the two is known
to come from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_libcloud.answer_trees import GONE, Path, is_element


@dataclass(frozen=True)
class Pair:
    """Two made-up values for one place."""

    first: Any
    second: Any


_MADE_UP: Final = (
    Pair("2001-01-01T01:01:01Z", "2011-11-11T11:11:11Z"),
    Pair("2001-01-01 01:01:01", "2011-11-11 11:11:11"),
    Pair("2001-01-01T01:01:01.000Z", "2011-11-11T11:11:11.000Z"),
    Pair("1", "2"),
    Pair(1, 2),
)
_DIGIT: Final = re.compile(r"\d")


def first_of(value: Any, variant: int) -> Any:
    """Return what stands in a place: of a pair the first value, or the second."""
    if isinstance(value, Pair):
        return value.second if variant else value.first
    if isinstance(value, dict):
        return {key: first_of(inner, variant) for key, inner in value.items()}
    return value


def empty_values(path: Path, odd: Any) -> Iterator[Any]:
    """Yield what says nothing, of each kind, except what is there."""
    step = str(path[-1])
    if is_element(odd) or step.startswith("<"):
        yield from (None,) if step.startswith("<") else (None, GONE)
    elif step == "#text" or step.startswith("@"):
        yield from (None, "") if step == "#text" else (GONE, "")
    else:
        nothing: tuple[Any, ...] = (None, "", [], {})
        yield from (value for value in nothing if not _is_there(odd, value))
        if odd is not GONE:
            yield GONE


def _is_there(odd: Any, value: Any) -> bool:
    return type(odd) is type(value) and odd == value


def filled_values(donors: Iterable[Any]) -> Iterator[Pair]:
    """Yield pairs, like what other items have at this place first."""
    for donor in donors:
        value = donor.text if is_element(donor) else donor
        if isinstance(value, str) and "/" in value:
            continue  # a link would lead the driver to another thing
        if isinstance(value, str) and (other := _DIGIT.sub("1", value)) != value:
            yield Pair(value, other)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield Pair(value, value + 1)
    yield from _MADE_UP
