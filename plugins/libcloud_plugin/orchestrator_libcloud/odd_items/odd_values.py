"""Values with which a driver can read an item's field: an empty value, or two made-up values.

If a driver needs a value there, such as a date to parse, it gets a made-up one. The list is then
made twice, with two different values, and every difference between the two results is known to come
from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_libcloud.answers.answer_trees import GONE, Path, is_blank, is_element
from orchestrator_libcloud.patterns import Pattern


@dataclass(frozen=True)
class Pair:
    """Two made-up values for one place."""

    first: Any
    second: Any


_DATES: Final = ("2001-01-01T01:01:01", "2011-11-11T11:11:11")
_DATES_AS_TEXT: Final = (*_DATES, *(date.replace("T", " ") for date in _DATES))
_PART: Final = 8
_MADE_UP: Final = (
    # The forms of dates that Libcloud's drivers read.
    *(Pair(*(date + end for date in _DATES)) for end in ("Z", "", ".000Z", ".000", ".000-01:00")),
    Pair(*(date.replace("T", " ") for date in _DATES)),
    Pair("1", "2"),
    Pair(1, 2),
)
_NOTHING: Final = Pattern(r"(?<!\w)(None|null)(?!\w)|\[\]|\{\}|(?<!:)//|''")
"""The forms that an empty value has in a request that was made from it."""

_DIGIT: Final = Pattern(r"\d")


def first_of(value: Any, variant: int) -> Any:
    """Return the value at a place: for a pair the first value, or the second."""
    if isinstance(value, Pair):
        return value.second if variant else value.first
    if isinstance(value, dict):
        return {key: first_of(inner, variant) for key, inner in value.items()}
    return value


def empty_values(path: Path, odd: Any) -> Iterator[Any]:
    """Yield an empty value of each kind, except the current value."""
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
    """Yield pairs; those that resemble other items' values at this place come first."""
    for donor in donors:
        value = donor.text if is_element(donor) else donor
        if isinstance(value, str) and "/" in value:
            continue  # a link would lead the driver to another thing
        if isinstance(value, str) and (other := _DIGIT.sub("1", value)) != value:
            yield Pair(value, other)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield Pair(value, value + 1)
    yield from _MADE_UP


def is_made_of(request: Iterable[Any], changes: Iterable[Any]) -> bool:
    """Return whether a request contains a value that was put into the answers.

    Args:
        request: the request's arguments.
        changes: the values put into the answers, one of the two for a pair.
    """
    # A missing argument does not count as an empty value; a parameter without a value does.
    told = "\n".join(text for part in request if part for text in _texts(part))
    for value in _leaves(changes):
        if is_blank(value):
            is_found = _NOTHING.search(told) is not None
        else:
            is_found = _is_part(str(value), told)
        if is_found:
            return True
    return False


def _is_part(value: str, request: str) -> bool:
    if any(value.startswith(date) for date in _DATES_AS_TEXT):
        # Drivers cut links up: a part of a made-up value is as bad as the whole.
        parts = (value[at : at + _PART] for at in range(len(value) - _PART + 1))
        return any(part in request for part in parts)
    return re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w.-])", request) is not None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
    else:
        yield str(value) or "''"


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict) and value:
            yield from _leaves(value.values())
        else:
            yield value
