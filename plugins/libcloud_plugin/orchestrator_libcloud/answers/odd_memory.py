"""Odd items of one cloud that were found before, so that they need not be searched again.

A mend is remembered by what is listed, the item's id, the field and a hash of the item.
The next list gets it put in before the driver reads the answer: it costs about as much as one
without an odd item. Each cloud's plugin object has a memory of its own, which ends with it.
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
"""Enough for a large cloud of which every item is odd in the same way."""
_MOST_REFUSED: Final = 100


@dataclass(frozen=True)
class Known:
    """One field of one item that a driver cannot read.

    Attributes:
        kind: what is listed: ``node``.
        group: where the item's kind stands in an answer.
        names: the steps from the item to the field; elements by their names.
        item_id: the item's id, or its name.
        digest: of the whole item. A field may be odd only beside another one: the same value in
            an item that is well must stay.
    """

    kind: str
    group: Path
    names: tuple[str | int, ...]
    item_id: str
    digest: str


@dataclass(frozen=True)
class Refusal:
    """An item with which no list can be made.

    Attributes:
        number: its answer's.
        path: the field that the error names.
        item: the path to the item.
        digest: of the whole item.
    """

    number: int
    path: Path
    item: Path
    digest: str


class OddMemory:
    """The odd items of one cloud, so many at most; the oldest are forgotten. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mends: OrderedDict[Known, tuple[Any, str | int]] = OrderedDict()
        self._groups: dict[tuple[str, Path], dict[Known, None]] = {}
        self._refused: OrderedDict[Any, Refusal] = OrderedDict()
        self._told: OrderedDict[Any, None] = OrderedDict()

    def is_new(self, what: Any) -> bool:
        """Return whether this was not told yet, or so long ago that it is forgotten."""
        with self._lock:
            is_new = what not in self._told
            self._told[what] = None
            self._told.move_to_end(what)
            while len(self._told) > _MOST:
                self._told.popitem(last=False)
        return is_new

    def note(self, kind: str, tree: Any, path: Path, value: Any) -> None:
        """Remember what is put in an odd field's place.

        Args:
            kind: what is listed.
            tree: the answer as it came.
            path: to the field.
            value: what stands there instead.
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
        """Yield paths to the known odd fields of an answer, and what to put there."""
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
        """Forget the mends of one kind, which did not help."""
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
        """Remember an item with which a list fails.

        Args:
            key: what is listed, and over what the driver fell.
            number: the answer's.
            tree: the answer as it came.
            path: to the field that the error names.
        """
        item = item_around(tree, path)
        if not item:
            return
        with self._lock:
            self._refused[key] = Refusal(number, path, item, digest_of(value_at(tree, item)))
            while len(self._refused) > _MOST_REFUSED:
                self._refused.popitem(last=False)

    def refused(self, key: Any) -> Refusal | None:
        """Return the item over which the driver fell in this way before."""
        with self._lock:
            return self._refused.get(key)


def known_of(kind: str, tree: Any, path: Path) -> Known | None:
    """Return what a field is remembered by; None for one that is in no item."""
    at = item_around(tree, path)
    if not at:
        return None
    item = value_at(tree, at)
    names = tuple(resolved(item, path[len(at) :]))
    return Known(kind, at[:-1], names, identity(item), digest_of(item))


def line_key(kind: str, tree: Any, path: Path) -> tuple[Any, ...]:
    """Return what a log line about an odd field is about: neither the item's place nor the rest."""
    at = item_around(tree, path)
    item = value_at(tree, at)
    names = tuple(resolved(item, path[len(at) :]))
    return kind, identity(item), names, digest_of(value_at(tree, path))


def digest_of(value: Any) -> str:
    """Return a hash of what a field or an item says."""
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
        """Yield where an item may be: where it was last, then where its id is."""
        yield step
        if self._steps is None:
            self._steps = {}
            for other, item in children(self._group):
                self._steps.setdefault(identity(item), []).append(other)
        yield from self._steps.get(item_id, ())


def _field(tree: Any, known: Known, step: str | int) -> Path | None:
    """Return the path to the field, if the item at this step has it as it was."""
    item = value_at(tree, (*known.group, step))
    if item is GONE or identity(item) != known.item_id or digest_of(item) != known.digest:
        return None
    path = unresolved(item, list(known.names))
    return None if path is None else (*known.group, step, *path)
