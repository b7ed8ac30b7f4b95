"""Shrinking of a failing input by leaving out parts of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_MOST_TRIES = 600


def shrink(items: Sequence[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """Return a list as short as possible that still fails.

    It leaves out halves, then quarters, and so on down to single items. Each attempt costs one call
    of ``fails``, and there are at most 600.

    Args:
        items: the failing list.
        fails: returns whether a shorter list fails too.
    """
    kept = list(items)
    size, tries = max(1, len(kept) // 2), 0
    while tries < _MOST_TRIES:
        at, shorter = 0, False
        while at < len(kept) and tries < _MOST_TRIES:
            candidate = kept[:at] + kept[at + size :]
            tries += 1
            if fails(candidate):
                kept, shorter = candidate, True
            else:
                at += size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return kept
