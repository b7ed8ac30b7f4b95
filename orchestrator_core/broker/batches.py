"""Reading of long tables, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T", bound=Any)

_FIRST: Final = 8
_MOST: Final = 64


def in_batches(find: Callable[[int, str | None], Sequence[T]], after: str | None) -> Iterator[T]:
    """Yield rows as the caller needs them; at most 64 of them are in memory.

    An operation's row may be as long as the longest body of a request, so thousands of rows read
    at once are gigabytes. The first batches are smaller still, for a caller that stops after a few
    long rows.

    Args:
        find: The function that returns, in order, at most the given number of rows after the row
            with the given id.
        after: The id of the row before the first one to yield; None for the first row.
    """
    size = _FIRST
    while True:
        found = find(size, after)
        yield from found
        if len(found) < size:
            return
        after = found[-1].id
        size = min(2 * size, _MOST)
