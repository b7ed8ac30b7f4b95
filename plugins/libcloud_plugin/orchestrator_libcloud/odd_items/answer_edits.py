"""Changes of the answers of one call, by answer and path."""

from __future__ import annotations

from typing import Any

from orchestrator_libcloud.answers.answer_trees import GONE, Path, is_blank, is_element

Edits = dict[int, dict[Path, Any]]


def put(edits: Edits, number: int, path: Path, value: Any) -> None:
    """Add a change, which replaces the changes inside its path."""
    some = edits.setdefault(number, {})
    outer = next((path[:end] for end in range(len(path)) if path[:end] in some), None)
    if outer is not None and some[outer] is not GONE:
        some[outer] = _with(some[outer], path[len(outer) :], value)
        return
    for inner in [p for p in some if len(p) > len(path) and is_in(path, p)]:
        del some[inner]
    some[path] = value


def _with(whole: Any, path: Path, value: Any) -> Any:
    """Return a value that we put somewhere, with another value inside it."""
    head, *rest = path
    if not isinstance(whole, dict):
        if whole is not None or not str(head).startswith(("<", "@", "#")):
            return whole
        whole = {}
    below = value if not rest else _with(whole.get(head, {}), tuple(rest), value)
    return {**whole, head: below}


def is_in(outer: Path, path: Path) -> bool:
    """Return whether a path leads through another path, or is the same."""
    return path[: len(outer)] == outer


def is_cut(some: dict[Path, Any], path: Path) -> bool:
    """Return whether the value at a path was removed."""
    return any(some.get(path[:end], 0) is GONE for end in range(1, len(path) + 1))


def is_same(value: Any, odd: Any) -> bool:
    """Return whether two values are odd in the same way."""
    if is_element(value) and is_element(odd):
        return is_blank(value) and is_blank(odd)
    return type(value) is type(odd) and (value is odd or value == odd)
