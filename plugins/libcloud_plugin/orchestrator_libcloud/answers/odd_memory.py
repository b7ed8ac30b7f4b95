"""Memory of the odd items of one cloud, so that they need not be searched again.

A mend is remembered by the kind of list, the item's id, the field and a hash of the item. In the
next list the mend is applied before the driver reads the answer, so that list costs about as much
as one without an odd item. Each cloud's plugin object has its own memory, which ends with that
object.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

from orchestrator_libcloud.answers.answer_trees import (
    GONE,
    Path,
    children,
    is_element,
    resolved,
    unresolved,
    value_at,
)
from orchestrator_libcloud.answers.item_places import identity, item_around

_MOST: Final = 10_000
"""Enough for a large cloud in which every item is odd in the same way."""
_MOST_REFUSED: Final = 100


@dataclass(frozen=True)
class Known:
    """One field of one item that a driver cannot read.

    Attributes:
        kind: the kind of things in the list: ``node``.
        group: the place of the item's kind in an answer.
        names: the steps from the item to the field; elements by their names.
        item_id: the item's id, or its name.
        digest: a hash of the whole item. A field may be odd only together with another one: the
            same value in a readable item must stay.
    """

    kind: str
    group: Path
    names: tuple[str | int, ...]
    item_id: str
    digest: str


@dataclass(frozen=True)
class Refusal:
    """An item that makes its list fail.

    Attributes:
        number: the number of the item's answer.
        path: the path to the field that the error names.
        item: the path to the item.
        digest: a hash of the whole item.
    """

    number: int
    path: Path
    item: Path
    digest: str


class OddMemory:
    """The odd items of one cloud, up to a limit; the oldest are forgotten. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mends: OrderedDict[Known, tuple[Any, str | int]] = OrderedDict()
        self._groups: dict[tuple[str, Path], dict[Known, None]] = {}
        self._refused: OrderedDict[Any, Refusal] = OrderedDict()
        self._told: OrderedDict[Any, None] = OrderedDict()

    def is_new(self, what: Any) -> bool:
        """Return whether this was not reported yet, or so long ago that it is forgotten."""
        with self._lock:
            is_new = what not in self._told
            self._told[what] = None
            self._told.move_to_end(what)
            while len(self._told) > _MOST:
                self._told.popitem(last=False)
        return is_new

    def note(self, kind: str, tree: Any, path: Path, value: Any) -> None:
        """Remember the value that replaces an odd field.

        Args:
            kind: the kind of things in the list.
            tree: the answer as it was received.
            path: the path to the field.
            value: the value that replaces the field.
        """
        known = known_of(kind, tree, path)
        if known is None:
            return
        with self._lock:
            self._mends[known] = value, item_around(tree, path)[-1]
            self._mends.move_to_end(known)
            self._groups.setdefault((kind, known.group), {})[known] = None
            while len(self._mends) > _MOST:
                self._drop(next(iter(self._mends)))

    def found_in(self, kind: str, tree: Any) -> Iterator[tuple[Path, Any]]:
        """Yield paths to the known odd fields of an answer, and the values that replace them."""
        with self._lock:
            groups = {
                group: [(known, *self._mends[known]) for known in mends]
                for (of, group), mends in self._groups.items()
                if of == kind and value_at(tree, group) is not GONE
            }
        for group, mends in groups.items():
            places = _Places(tree, group)
            for known, value, step in mends:
                found = (_field(tree, known, at) for at in places.of(known.item_id, step))
                path = next((path for path in found if path is not None), None)
                if path is not None:
                    yield path, value

    def forget(self, kind: str) -> None:
        """Forget the mends of one kind, because they did not help."""
        with self._lock:
            for known in [one for one in self._mends if one.kind == kind]:
                self._drop(known)

    def _drop(self, known: Known) -> None:
        del self._mends[known]
        group = self._groups[known.kind, known.group]
        del group[known]
        if not group:
            del self._groups[known.kind, known.group]

    def refuse(self, key: Any, number: int, tree: Any, path: Path) -> None:
        """Remember an item that makes a list fail.

        Args:
            key: the kind of list, and the fault of the driver.
            number: the answer's number.
            tree: the answer as it was received.
            path: the path to the field that the error names.
        """
        item = item_around(tree, path)
        if not item:
            return
        with self._lock:
            self._refused[key] = Refusal(number, path, item, digest_of(value_at(tree, item)))
            while len(self._refused) > _MOST_REFUSED:
                self._refused.popitem(last=False)

    def refused(self, key: Any) -> Refusal | None:
        """Return the item on which the driver failed in this way before."""
        with self._lock:
            return self._refused.get(key)


def known_of(kind: str, tree: Any, path: Path) -> Known | None:
    """Return the key by which a field is remembered; None for a field that is in no item."""
    at = item_around(tree, path)
    if not at:
        return None
    item = value_at(tree, at)
    names = tuple(resolved(item, path[len(at) :]))
    return Known(kind, at[:-1], names, identity(item), digest_of(item))


def line_key(kind: str, tree: Any, path: Path) -> tuple[Any, ...]:
    """Return the key of a log line about an odd field.

    The key has the item's id, the field and its value, but neither the item's place nor its other
    fields.
    """
    at = item_around(tree, path)
    item = value_at(tree, at)
    names = tuple(resolved(item, path[len(at) :]))
    return kind, identity(item), names, digest_of(value_at(tree, path))


def digest_of(value: Any) -> str:
    """Return a hash of the content of a field or an item."""
    if is_element(value):
        told = ET.tostring(value, encoding="unicode")
    else:
        told = "GONE" if value is GONE else json.dumps(value, sort_keys=True, default=repr)
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()


class _Places:
    """The items of one group of an answer, by their ids.

    Args:
        tree: the answer.
        group: the path to the group.
    """

    def __init__(self, tree: Any, group: Path) -> None:
        self._group = value_at(tree, group)
        self._steps: dict[str, list[str | int]] | None = None

    def of(self, item_id: str, step: str | int) -> Iterator[str | int]:
        """Yield possible places of an item: its last place, then the places of its id."""
        yield step
        if self._steps is None:
            self._steps = {}
            for other, item in children(self._group):
                self._steps.setdefault(identity(item), []).append(other)
        yield from self._steps.get(item_id, ())


def _field(tree: Any, known: Known, step: str | int) -> Path | None:
    """Return the path to the field, if the item at this step is unchanged."""
    item = value_at(tree, (*known.group, step))
    if item is GONE or identity(item) != known.item_id or digest_of(item) != known.digest:
        return None
    path = unresolved(item, list(known.names))
    return None if path is None else (*known.group, step, *path)
