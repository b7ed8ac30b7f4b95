"""Patterns of names, as callers write them."""

from __future__ import annotations


def matches(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern in which each ``*`` stands for any characters.

    The time is linear in the lengths, which a regular expression cannot promise.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    *middle, last = rest
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
