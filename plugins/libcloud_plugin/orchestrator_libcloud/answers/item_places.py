"""Items in the answers of a provider: their places, their names and the names of their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from orchestrator_libcloud.answers.answer_trees import (
    GONE,
    TEXT,
    Path,
    children,
    is_blank,
    is_element,
    spelled,
    value_at,
    walk,
)

_NAMES: Final = ("name", "label", "hostname", "displayname", "title", "node_label", "fqdn")
IDS: Final = (
    *("id", "uuid", "uid", "instanceid", "imageid", "vmid", "object_uuid", "identifier", "slug"),
)
_EMPTY: Final[dict[type[Any], str]] = {str: "empty", list: "an empty list", dict: "an empty object"}
_KINDS: Final[dict[type[Any], str]] = {
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
_LONG: Final = 1000
_OTHERS: Final = 300
ITSELF: Final = "itself"
"""The name of a field that is the whole item."""


@dataclass(frozen=True)
class Place:
    """The place of an item: one of several in an answer.

    Attributes:
        number: the answer's number.
        group: the path to the object or list that holds the items.
        step: the step from the group to the item.
    """

    number: int
    group: Path
    step: str | int

    @property
    def path(self) -> Path:
        """Return the path to the item."""
        return (*self.group, self.step)


def item_around(tree: Any, path: Path) -> Path:
    """Return the path to the item around a place: the outermost item that has a name or an id."""
    others: list[Path] = []
    for end in range(len(path) - (path[-1:] == (TEXT,))):
        here = path[:end]
        if here and not _is_one_of_several(value_at(tree, here[:-1]), here[-1]):
            continue
        if called(value_at(tree, here)):
            return here
        others.append(here)
    return others[-1] if others else ()


def is_in_item(tree: Any, path: Path) -> bool:
    """Return whether a place is in an item, whose parts belong together and are not cut down."""
    return any(is_item(value_at(tree, path[:end])) for end in range(1, len(path) + 1))


def is_item(node: Any) -> bool:
    """Return whether this is an item of its own: it has a name or an id."""
    if called(node):
        return True
    # VPS.net puts each thing into a wrapper.
    return isinstance(node, dict) and len(node) == 1 and any(map(called, node.values()))


def may_change(tree: Any, path: Path) -> bool:
    """Return whether a place is in an item, and is neither an item itself nor holds items."""
    if is_in_item(tree, path[:-1]) or (len(path) > 1 and called(tree)):
        return True
    value = value_at(tree, path)
    return not any(is_item(node) for _, node in walk(value, most=_OTHERS))


def _is_one_of_several(parent: Any, step: str | int) -> bool:
    if is_element(parent):
        return isinstance(step, int)
    if isinstance(parent, dict):
        return all(isinstance(one, dict) for one in parent.values())
    return isinstance(parent, list)


def called(item: Any) -> str:
    """Return an item's own name, or its id; an empty text if it has neither."""
    if isinstance(item, list | tuple):
        return ""  # and there may be thousands of values in it
    found = _simple_fields(item)
    name = next((found[name] for name in _NAMES if found.get(name)), "")
    if name or _has_items(item):  # Google's lists have an id themselves
        return name
    return next((found[name] for name in IDS if found.get(name)), "")


def _simple_fields(item: Any) -> dict[str, str]:
    """Return an item's texts and numbers by the names of their fields in lower case."""
    if isinstance(item, dict) and isinstance(item.get("metadata"), dict):
        item = {**item["metadata"], **item}  # Kubernetes has the names there
    found = {}
    for step, value in children(item):
        told = value.text if is_element(value) and not len(value) else value
        if isinstance(told, str | int) and told not in ("", True, False):
            # The key itself for an object: this code runs for every item of a list.
            name = step if type(step) is str and type(item) is dict else spelled(item, (step,))
            found[name.lower()] = str(told)[:_LONG].strip()
    return found


def _has_items(node: Any) -> bool:
    if isinstance(node, dict) and isinstance(node.get("items"), dict):
        return True
    lists = (part for _, part in children(node) if isinstance(part, list) and part)
    return any(isinstance(part[0], dict) and called(part[0]) for part in lists)


def position(tree: Any, item: Path) -> int:
    """Return the position of an item among those of its kind, from 1."""
    if not item:
        return 1
    parent = value_at(tree, item[:-1])
    wanted = getattr(value_at(tree, item), "tag", None)
    steps = [s for s, one in children(parent) if wanted is None or _tag(one) == wanted]
    return steps.index(item[-1]) + 1


def identity(item: Any) -> str:
    """Return an item's own id, or its name; an empty text if it has neither."""
    found = _simple_fields(item)
    return next((found[name] for name in IDS if found.get(name)), "") or called(item)


def label(kind: str, tree: Any, path: Path) -> str:
    """Return the name of a place's item in messages: ``node 3 'web-1'``.

    Args:
        kind: the kind of things in the list.
        tree: the answer.
        path: a place in the item.
    """
    item = item_around(tree, path)
    name = called(value_at(tree, item))
    return f"{kind} {position(tree, item)}" + (f" {name[:80]!r}" if name else "")


def field_name(tree: Any, path: Path) -> str:
    """Return a field's path from its item, as text."""
    item = item_around(tree, path)
    return spelled(value_at(tree, item), path[len(item) :]) or ITSELF


def _tag(value: Any) -> Any:
    return getattr(value, "tag", None)


def described(value: Any) -> str:
    """Describe a value without its content, which may be secret."""
    if value is GONE:
        return "missing"
    if is_element(value):
        value = (value.text or "").strip() if not len(value) else [None]
    if is_blank(value):
        return _EMPTY.get(type(value), "null")
    return _KINDS.get(type(value), f"of type {type(value).__name__}")


def looks_odd(value: Any) -> bool:
    """Return whether a value is empty, white space, very long or not ASCII."""
    told = value.text if is_element(value) and not len(value) else value
    if isinstance(told, str):
        return not told.strip() or len(told) > _LONG or not told.isascii()
    return is_blank(told)
