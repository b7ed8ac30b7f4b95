"""Parsed answers of a provider, JSON or XML, as trees: paths into them, changed and traced copies.

A path is a tuple of steps: a key of an object, an index of a list or of an element's children,
``@name`` for an element's attribute, ``#text`` for its text. A step ``<name>`` stands for a child
element that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from orchestrator_libcloud.patterns import Pattern

Path = tuple[str | int, ...]
Edits = Mapping[Path, Any]
"""Paths to their new values; :data:`GONE` removes the value."""

TEXT: Final = "#text"
_OWNTEXT: Final[Any] = ET.Element.text
_NAMESPACE: Final = Pattern(r"\{[^}]*\}")


class _Mark:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __copy__(self) -> _Mark:
        return self

    def __deepcopy__(self, _: Any) -> _Mark:
        return self


GONE: Final[Any] = _Mark("GONE")
"""The value of a path that leads to nothing."""


def is_element(value: Any) -> bool:
    """Return whether this is an XML element, of any library."""
    return hasattr(value, "tag") and hasattr(value, "findtext")


def children(node: Any) -> Iterator[tuple[str | int, Any]]:
    """Yield each step from a node and the value there; nothing for a single value."""
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list | tuple):
        yield from enumerate(node)
    elif is_element(node):
        yield from enumerate(node)
        yield from ((f"@{name}", value) for name, value in node.attrib.items())
        if not len(node):
            yield TEXT, node.text


def value_at(root: Any, path: Path) -> Any:
    """Return the value at the end of a path, :data:`GONE` if there is none."""
    for step in path:
        try:
            root = _child(root, step)
        except (LookupError, TypeError, AttributeError, ValueError):
            return GONE
    return root


def _child(node: Any, step: str | int) -> Any:
    if not is_element(node):
        return node[step]
    if isinstance(step, int):
        return node[step]
    if step == TEXT:
        return node.text
    return node.attrib[step[1:]] if step.startswith("@") else GONE


def resolved(root: Any, path: Path) -> list[str | int]:
    """Return a path with the names of an element's children instead of their numbers."""
    names: list[str | int] = []
    for step in path:
        here, root = root, value_at(root, (step,))
        is_child = is_element(here) and isinstance(step, int)
        names.append(f"<{root.tag}>" if is_child and root is not GONE else step)
    return names


def unresolved(root: Any, names: list[str | int]) -> Path | None:
    """Return the path that such names have in another tree; None if there is no such path."""
    path: list[str | int] = []
    for name in names:
        if root is GONE or (not any(True for _ in children(root)) and not _may_have(root)):
            return None
        step = name
        if is_element(root) and str(name).startswith("<"):
            found = (at for at, child in enumerate(root) if f"<{child.tag}>" == name)
            step = next(found, name)
        path.append(step)
        root = value_at(root, (step,))
    return tuple(path)


def _may_have(node: Any) -> bool:
    return isinstance(node, dict | list) or is_element(node)


def is_blank(value: Any) -> bool:
    """Return whether a value carries no information."""
    if is_element(value):
        return not len(value) and not (value.text or "").strip() and not value.attrib
    return value is None or value is GONE or value in ("", [], {})


def groups(node: Any) -> Iterator[list[str | int]]:
    """Yield the steps to each set of two or more things of one kind directly below a node."""
    if isinstance(node, list):
        found: list[list[str | int]] = [list(range(len(node)))]
    elif isinstance(node, dict):
        found = [list(node)] if all(isinstance(one, dict) for one in node.values()) else []
    elif is_element(node):
        tags: dict[Any, list[str | int]] = {}
        for at, child in enumerate(node):
            tags.setdefault(child.tag, []).append(at)
        found = list(tags.values())
    else:
        found = []
    yield from (steps for steps in found if len(steps) > 1)


def walk(root: Any, path: Path = (), most: int = 4000) -> Iterator[tuple[Path, Any]]:
    """Yield paths and values level by level, up to a limit."""
    level: list[tuple[Path, Any]] = [(path, root)]
    while level and most > 0:
        below: list[tuple[Path, Any]] = []
        for here, node in level:
            yield here, node
            most -= 1
            below += [((*here, step), child) for step, child in children(node)]
        level = below


def spelled(root: Any, path: Path) -> str:
    """Return a path as text: ``networks.v4[0].ip_address``."""
    words = ""
    for step in path:
        here, root = root, value_at(root, (step,))
        if isinstance(step, int) and not is_element(here):
            words += f"[{step}]"
        elif step != TEXT:
            name = root.tag if isinstance(step, int) else str(step).strip("<>")
            words += "." * bool(words) + _NAMESPACE.sub("", str(name))
    return words


def leaf_texts(root: Any) -> set[str]:
    """Return every single value in a tree, as text."""
    found: Iterable[Any] = (node for _, node in walk(root) if not any(True for _ in children(node)))
    return {str(value) for value in found}
