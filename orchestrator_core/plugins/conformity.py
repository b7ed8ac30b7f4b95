"""The check of a plugin's answers against the model's types, whole lists at a time.

It is done once, when an answer comes in, so that later code need not check again. A list of ten
thousand nodes takes a few milliseconds, since built-in functions do the work.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class _Attribute:
    """One attribute of a model class.

    Attributes:
        kinds: the possible types of its value.
        inner: the possible types of the items of a list, or of the values of a dict.
    """

    name: str
    get: Callable[[Any], Any]
    kinds: tuple[type, ...]
    inner: tuple[type, ...] = ()


def fault(things: Sequence[Any], expected: type, *, listed: bool = True) -> str | None:
    """Return what is wrong with the first thing that does not match its class, and what is right.

    Args:
        things: the things that a plugin returned.
        expected: the dataclass or the built-in type that each thing should be.
        listed: whether the plugin returned them in a list; the message then needs a position.

    Returns:
        The description, for example ``Node.id is int 7 at position 0; make it str``; None when all
            are right.
    """
    at = _first(things, (expected,))
    if at is not None:
        return _no_model(things[at], expected, at if listed else None)
    if not is_dataclass(expected):
        return None
    for attribute in _attributes(expected):
        values = list(map(attribute.get, things))
        wrong = _wrong(attribute, values)
        if wrong is not None:
            at, what = wrong
            where = f" at position {at}" if listed else ""
            said, _, right = what.partition("; ")
            return f"{expected.__name__}.{attribute.name} {said}{where}; {right}"
    return None


def no_list(answer: Any, expected: type) -> str:
    """Return a message about a plugin's answer that should have been a list."""
    return f"it returned {_a(answer)}; return a list of orchestrator_core.{expected.__name__}"


def _no_model(thing: Any, expected: type, at: int | None) -> str:
    name = expected.__name__
    if not is_dataclass(expected):
        return f"it returned {_a(thing)}; return {name}"
    if at is None:
        return f"it returned {_a(thing)}; return an orchestrator_core.{name} object"
    return f"it returned {_a(thing)} at position {at}; return orchestrator_core.{name} objects"


def _wrong(attribute: _Attribute, values: list[Any]) -> tuple[int, str] | None:
    """Return the position of the first wrong value, and what is wrong with it."""
    at = _first(values, attribute.kinds)
    if at is not None:
        return at, f"is {_shown(values[at])}; make it {_right(attribute.kinds, values[at])}"
    if attribute.name == "id" and "" in values:
        return values.index(""), "is empty; make it the cloud's own id"
    if datetime in attribute.kinds:
        return _naive(values)
    inside = _inside(values, is_dict=dict in attribute.kinds) if attribute.inner else ()
    if _first(inside, attribute.inner) is not None:
        for at, value in enumerate(values):
            items = _items(value)
            place = _first(items, attribute.inner)
            if place is not None:
                item = list(items)[place]
                right = _right(attribute.inner, item)
                return at, f"holds {_shown(item)}; make it {right}"
    return None


def _naive(values: list[Any]) -> tuple[int, str] | None:
    """Return the position of the first time without a time zone: callers could not tell it."""
    for at, value in enumerate(values):
        if value is not None and value.tzinfo is None:
            return at, "has no time zone; make it an aware datetime"
    return None


def _inside(values: list[Any], *, is_dict: bool) -> list[Any]:
    filled = filter(None, values)
    return list(chain.from_iterable(map(dict.values, filled) if is_dict else filled))


def _items(value: Any) -> Any:
    """Return the items of a list, the values of a dict, and nothing of None."""
    return value.values() if isinstance(value, dict) else value or ()


def _first(values: Any, kinds: tuple[type, ...]) -> int | None:
    """Return the position of the first value of another type; None when there is none."""
    values = values if isinstance(values, list | tuple) else list(values)
    if set(map(type, values)).issubset(kinds):
        return None
    return next((at for at, value in enumerate(values) if not isinstance(value, kinds)), None)


def _a(value: Any) -> str:
    """Return a value's type with its article; the value itself may contain a secret."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _shown(value: Any) -> str:
    """Return a value's type, with the value of a number only: a text may be a secret."""
    if value is None:
        return "None"
    number = f" {value}" if isinstance(value, bool | int | float) else ""
    return f"{type(value).__name__}{number}"


def _right(kinds: tuple[type, ...], value: Any) -> str:
    """Return the right types, or the enumeration's member if the value is that member's text."""
    for kind in kinds:
        if issubclass(kind, Enum):
            member = next((one for one in kind if value in (one.value, one.name)), None)
            return kind.__name__ if member is None else f"{kind.__name__}.{member.name}"
    return " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)


@lru_cache(maxsize=64)
def _attributes(model: type) -> tuple[_Attribute, ...]:
    hints = get_type_hints(model)
    return tuple(_attribute(field.name, hints[field.name]) for field in fields(model))


def _attribute(name: str, hint: Any) -> _Attribute:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    inner = [get_args(option)[-1:] for option in options if get_origin(option) in (list, dict)]
    kinds = tuple(get_origin(option) or option for option in options)
    checked = inner[0] if inner and inner[0] != (Any,) else ()
    return _Attribute(name, attrgetter(name), kinds, checked)
