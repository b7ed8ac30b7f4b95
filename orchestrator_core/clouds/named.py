"""The choice of one thing of a cloud by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

from orchestrator_core.errors import InvalidParameter

_MOST_CANDIDATES: Final = 8


class _Named(Protocol):
    id: Any
    name: Any


T = TypeVar("T", bound=_Named)


def one_named(things: Sequence[T], name: str, field: str, noun: str) -> T:
    """Return the one thing with a name.

    Raises:
        InvalidParameter: when there is no such thing, or several; the error lists their ids.
    """
    named = [thing for thing in things if thing.name == name]
    if not named:
        raise InvalidParameter(
            field, f"there is no {noun} with the id or name {name!r}", nothing_done=True
        )
    if len(named) > 1:
        ids = ", ".join(thing.id for thing in named[:_MOST_CANDIDATES])
        more = f" and {len(named) - _MOST_CANDIDATES} more" if len(named) > _MOST_CANDIDATES else ""
        raise InvalidParameter(
            field,
            f"{len(named)} {noun}s are named {name!r}; give the id of one: {ids}{more}",
            nothing_done=True,
        )
    return named[0]
