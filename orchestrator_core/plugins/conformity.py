"""Holds what a plugin gives against the model's own types, whole lists at a time.

Done once, where an answer comes in: what is made of it later need not look again. A list of
ten thousand nodes takes a few milliseconds, since the looking is done by built-in functions.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class _Attribute:
    """One attribute of a model class.

    Attributes:
        kinds: what its value may be.
        inner: what may be in it, if it is a list.
    """

    name: str
    get: Callable[[Any], Any]
    kinds: tuple[type, ...]
    inner: tuple[type, ...] = ()


def fault(things: Sequence[Any], expected: type) -> str | None:
    """Say what is wrong with the first thing that is not as its class promises.

    Args:
        things: what a plugin gave.
        expected: the dataclass that each should be.

    Returns:
        ``got str``, say, or ``public_ips of a Node holds int``; None when all are right.
    """
    wrong = _first(things, (expected,))
    if wrong is not None:
        return f"got {type(wrong[0]).__name__}"
    for attribute in _attributes(expected):
        values = list(map(attribute.get, things))
        for found, verb in _wrong(attribute, values):
            return f"{attribute.name} of a {expected.__name__} {verb} {type(found).__name__}"
        if attribute.name == "id" and "" in values:
            return f"a {expected.__name__} without an id"
    return None


def _wrong(attribute: _Attribute, values: list[Any]) -> Iterator[tuple[Any, str]]:
    wrong = _first(values, attribute.kinds)
    if wrong is not None:
        yield wrong[0], "is"
    elif attribute.inner:
        inside = _first(chain.from_iterable(value or () for value in values), attribute.inner)
        if inside is not None:
            yield inside[0], "holds"


def _first(values: Any, kinds: tuple[type, ...]) -> tuple[Any] | None:
    """Return the first value of another kind; None when there is none."""
    values = values if isinstance(values, list | tuple) else list(values)
    if set(map(type, values)).issubset(kinds):
        return None
    return next(((value,) for value in values if not isinstance(value, kinds)), None)


@lru_cache(maxsize=64)
def _attributes(model: type) -> tuple[_Attribute, ...]:
    hints = get_type_hints(model)
    return tuple(_attribute(field.name, hints[field.name]) for field in fields(model))


def _attribute(name: str, hint: Any) -> _Attribute:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    inner = [get_args(option) for option in options if get_origin(option) is list]
    kinds = tuple(get_origin(option) or option for option in options)
    return _Attribute(name, attrgetter(name), kinds, inner[0] if inner else ())
