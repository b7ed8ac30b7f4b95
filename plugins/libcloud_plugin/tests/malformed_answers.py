"""Malformed variants of one field of one item in a recorded answer, JSON or XML."""

from __future__ import annotations

import copy
import json
import re
import xmlrpc.client
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

Path = tuple[Any, ...]

UNKNOWN: Final = "FROBNICATED"
_LONG: Final = "very long " * 2000
_UNICODE: Final = "Ж\u202e \U0001d54f☃\U0001f4a9 ü"
_HUGE: Final = -(2**31)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SOME: Final = 3
_OTHERS_VALUE: Final = "that of another item"


def _other_type(old: Any) -> Any:
    return "text" if isinstance(old, dict | list) else {"odd": ["thing"]}


def _as_text(old: Any) -> Any:
    return 7 if isinstance(old, str) else str(old)


def _nested(old: Any) -> Any:
    """Return a value with the wrong type one level down."""
    if isinstance(old, dict):
        return {key: _other_type(value) for key, value in old.items()}
    return [[[old]], {"odd": None}]


JSON_WAYS: Final[dict[str, Callable[[Any], Any]]] = {
    "unknown value": lambda _: UNKNOWN,
    "null": lambda _: None,
    "wrong type": _other_type,
    "very long text": lambda _: _LONG,
    "Unicode": lambda _: _UNICODE,
    "empty text": lambda _: "",
    "empty list": lambda _: [],
    "empty object": lambda _: {},
    "number as text, text as number": _as_text,
    "huge negative number": lambda _: _HUGE,
    "boolean": lambda old: old is not True,
    "white space": lambda _: " \t\n ",
    "not a number": lambda _: float("nan"),
    "infinite number": lambda _: float("inf"),
    "number of 400 digits": lambda _: 10**400,
    "fraction": lambda _: 0.5,
    "control characters": lambda _: "a\x01\x7f\r\n\u2028b",
    "path": lambda _: "../../etc/passwd?x=1#y",
    "nested wrong type": _nested,
    "list around it": lambda old: [old],
    "object around it": lambda old: {"value": old},
}
WAYS: Final = (*JSON_WAYS, "missing", "extra", _OTHERS_VALUE)
"""Variants for both formats; a variant that XML cannot express uses the nearest equivalent."""


@dataclass(frozen=True)
class Item:
    """The source of one listed object in the answer.

    Attributes:
        body: the index of the answer.
        path: its path in that answer.
        fields: paths from the item to each of its fields.
    """

    body: int
    path: Path
    fields: tuple[Path, ...]


def parsed(body: str) -> Any:
    """Return a body's tree, or None if it is neither JSON nor XML."""
    with suppress(ValueError):
        return json.loads(body)
    with suppress(ET.ParseError, xmlrpc.client.ResponseError):
        if "<methodResponse>" in body:
            return xmlrpc.client.loads(body)[0][0]
        return ET.fromstring(body)  # noqa: S314 - Libcloud's own files
    return None


def _written(tree: Any, like: str) -> str:
    if isinstance(tree, ET.Element):
        if (namespace := re.match(r"\{(.*)\}", tree.tag)) is not None:
            for element in tree.iter():
                element.tag = element.tag.removeprefix(namespace[0])
            tree.set("xmlns", namespace[1])
        return ET.tostring(tree, encoding="unicode")
    if "<methodResponse>" in like:
        with suppress(OverflowError):  # XML has no numbers that large.
            text = xmlrpc.client.dumps((tree,), methodresponse=True, allow_none=True)
            return _CONTROLS.sub("", text)
        return like
    return json.dumps(tree)


def _below(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list):
        yield from enumerate(node)
    elif isinstance(node, ET.Element):
        yield from enumerate(node)
        yield from ((f"@{name}", value) for name, value in node.attrib.items())


def _leaves(node: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(node, ET.Element) and len(node) == 0 and node.text:
        yield path, node.text.strip()
    for step, child in _below(node):
        yield from _leaves(child, (*path, step))
    if isinstance(node, str | int) and not isinstance(node, bool):
        yield path, str(node)


def at(tree: Any, path: Path) -> Any:
    """Return the value at a path."""
    for step in path:
        is_attribute = isinstance(tree, ET.Element) and not isinstance(step, int)
        tree = tree.attrib[step[1:]] if is_attribute else tree[step]
    return tree


def items_of(bodies: list[str], ids: list[str]) -> list[Item | None]:
    """Return the source of each of the objects with these ids, or None where it is unknown.

    An id may stand in many places; the place that most of the objects share is used.
    """
    trees = [parsed(body) for body in bodies]
    places: dict[str, list[tuple[tuple[str, ...], Item]]] = {}
    for number, tree in enumerate(trees):
        for path, text in _leaves(tree):
            if text in ids and (around := _around(tree, path)) is not None:
                fields = tuple(_fields(at(tree, around)))
                item = Item(number, around, fields)
                names = tuple(named(tree, item, path[len(around) :]))
                places.setdefault(text, []).append((names, item))
    votes = Counter(
        (names, len(item.path)) for found in places.values() for names, item in _once(found)
    )
    sizes = {
        (names, len(item.path)): len(item.fields)
        for found in places.values()
        for names, item in found
    }
    for vote in votes:
        votes[vote] = votes[vote] * 10_000 + sizes[vote]
    return [
        _ordinal(places.get(wanted, []), votes, ids[:position].count(wanted))
        for position, wanted in enumerate(ids)
    ]


def _once(found: list[tuple[tuple[str, ...], Item]]) -> list[tuple[tuple[str, ...], Item]]:
    return list({(names, len(item.path)): (names, item) for names, item in found}.values())


def _ordinal(
    found: list[tuple[tuple[str, ...], Item]], votes: Counter[Any], ordinal: int
) -> Item | None:
    if not found:
        return None
    best = max(((names, len(item.path)) for names, item in found), key=lambda one: votes[one])
    items = [item for names, item in found if (names, len(item.path)) == best]
    return items[min(ordinal, len(items) - 1)]


def _around(tree: Any, path: Path) -> Path | None:
    """Return the path of the smallest object with several fields around a value."""
    for end in range(len(path) - 1, -1, -1):
        node = at(tree, path[:end])
        is_struct = not (isinstance(node, ET.Element) and node.tag == "member")
        if isinstance(node, dict | ET.Element) and len(list(_below(node))) > 1 and is_struct:
            return path[:end]
    return None


def _fields(node: Any, path: Path = ()) -> Iterator[Path]:
    for step, child in _below(node):
        if isinstance(node, list) and step >= _SOME:
            break
        yield (*path, step)
        yield from _fields(child, (*path, step))


def named(tree: Any, item: Item, way: Path) -> list[str]:
    """Return the names of the keys or elements on the path to a field."""
    names = []
    node = at(tree, item.path)
    for step in way:
        here, node = node, at(node, (step,))
        if isinstance(here, ET.Element) and isinstance(step, int):
            names.append(node.tag.rpartition("}")[2])
        else:
            names.append(str(step).lstrip("@"))
    return names


def changed(body: str, path: Path, way: str, other: Path | None = None) -> str | None:
    """Return a body with one field changed, or None if nothing changes.

    Args:
        body: the answer.
        path: the path to the field.
        way: the variant.
        other: the path to the same field of another item, for the variant that copies it.
    """
    tree = parsed(body)
    parent, step = at(tree, path[:-1]), path[-1]
    if way == _OTHERS_VALUE:
        if other is None or (new := _found(tree, other)) is None:
            return None
        if isinstance(parent, ET.Element) and isinstance(step, str):
            parent.set(step[1:], new)
        else:
            parent[step] = copy.deepcopy(new)
        written = _written(tree, body)
        return None if written == _written(parsed(body), body) else written
    if isinstance(parent, ET.Element):
        _change_element(parent, step, way)
    else:
        _change_json(parent, step, way)
    written = _written(tree, body)
    return None if written == _written(parsed(body), body) else written


def _found(tree: Any, path: Path) -> Any:
    with suppress(LookupError, TypeError):
        return at(tree, path)
    return None


def _change_json(parent: Any, step: Any, way: str) -> None:
    if way == "missing":
        del parent[step]
    elif way == "extra":
        new = {"odd": [1, None, "x"]}
        parent.append(new) if isinstance(parent, list) else parent.update(oddFieldNotKnown=new)
    else:
        parent[step] = JSON_WAYS[way](parent[step])


def _change_element(parent: ET.Element, step: Any, way: str) -> None:
    old = parent.attrib[step[1:]] if isinstance(step, str) else parent[step].text
    value = None if way in ("missing", "extra") else JSON_WAYS[way](old)
    if isinstance(value, str):  # XML cannot express most control characters.
        value = _CONTROLS.sub("", value)
    if isinstance(step, str):
        if way == "missing":
            del parent.attrib[step[1:]]
        elif way == "extra":
            parent.set("oddFieldNotKnown", "x")
        else:
            parent.set(step[1:], value if isinstance(value, str) else str(value or ""))
        return
    if way == "missing":
        parent.remove(parent[step])
    elif way == "extra":
        ET.SubElement(parent, "oddFieldNotKnown").text = "x"
    else:
        field = parent[step]
        for child in list(field):
            field.remove(child)
        field.text = value if isinstance(value, str) else str(value or "")
        if isinstance(value, dict) and value:
            field.text = None
            ET.SubElement(field, "odd").text = "thing"
