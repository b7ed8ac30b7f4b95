"""Long tables, read a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T", bound=Any)

_FIRST: Final = 8
_MOST: Final = 64


def in_batches(find: Callable[[int, str | None], Sequence[T]], after: str | None) -> Iterator[T]:
    """Yield rows as they are wanted; memory holds at most 64 of them.

    An operation's row may be as long as the longest body of a request: thousands read at once
    are gigabytes. The first batches are smaller still, for who stops after some long rows.

    Args:
        find: returns at most so many rows, in their order, which come after the one of that id.
        after: the id of the one before the first.
    """
    size = _FIRST
    while True:
        found = find(size, after)
        yield from found
        if len(found) < size:
            return
        after = found[-1].id
        size = min(2 * size, _MOST)
