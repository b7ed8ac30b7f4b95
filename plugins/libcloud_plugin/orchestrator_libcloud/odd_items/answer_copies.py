"""Copies of an answer's tree, changed, and traced to show what a driver reads from them."""

from __future__ import annotations

import copy
import re
from typing import Any, Final
from xml.etree import ElementTree as ET

from orchestrator_libcloud.answers.answer_trees import GONE, TEXT, Edits, Path, is_element
from orchestrator_libcloud.patterns import Pattern

_NAMESPACE: Final[Any] = Pattern(r"(\{[^}]*\})?")
_OWNTEXT: Final[Any] = ET.Element.text


class Trace:
    """Record of a driver's reads from a traced tree, in order.

    Attributes:
        asked: the paths that were read, including those that lead to nothing.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[int, Path]] = []

    def note(self, number: int, path: Path) -> None:
        """Record a read of a path in the answer with this number."""
        self.asked.append((number, path))


class _Object(dict[str, Any]):
    """An object that records which of its keys were read; its copies record it too."""

    def __init__(self, *places: tuple[Trace, int, Path]) -> None:
        super().__init__()
        self._places = places

    def _note(self, key: object) -> None:
        for trace, number, path in self._places:
            if isinstance(key, str):
                trace.note(number, (*path, key))

    def __delitem__(self, key: str) -> None:
        self._note(key)
        super().__delitem__(key)

    def _joined(self, *parts: Any) -> _Object:
        places = [place for part in parts for place in getattr(part, "_places", ())]
        made = _Object(*places)
        for part in parts:
            made.update(part.items())
        return made

    def copy(self) -> _Object:
        return self._joined(self)

    def __or__(self, other: Any) -> Any:
        return self._joined(self, other) if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return self._joined(other, self) if isinstance(other, dict) else NotImplemented

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self._note(key)
        return super().pop(key, *default)


class _Attributes(dict[str, str]):
    """An element's attributes, which record which of them were read."""

    note: Any = None

    def __getitem__(self, name: str) -> str:
        self.note((f"@{name}",))
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.note((f"@{name}",))
        return super().get(name, default)


class _Element(ET.Element):
    """An element that records which children were searched in it."""

    note: Any = None

    @property
    def attrib(self) -> Any:  # type: ignore[override]
        made = _Attributes(super().attrib)
        made.note = self.note
        return made

    @property
    def text(self) -> Any:
        self.note((TEXT,))
        return super().text

    @text.setter
    def text(self, value: Any) -> None:
        _OWNTEXT.__set__(self, value)

    def _tell(self, path: Any) -> None:
        steps: list[str | int] = []
        here: Any = self
        for part in re.findall(r"(?:\{[^}]*\})?[^/{}]+", str(path)):
            name = part.replace("{*}", _NAMESPACE.match(str(self.tag))[0], 1)
            at = next((i for i, c in enumerate(here) if c.tag == name), None)
            steps.append(f"<{name}>" if at is None else at)
            if at is None:
                break
            here = here[at]
        self.note(tuple(steps))

    def find(self, path: Any, namespaces: Any = None) -> Any:
        self._tell(path)
        return super().find(path, namespaces)

    def findtext(self, path: Any, default: Any = None, namespaces: Any = None) -> Any:
        self._tell(path)
        return super().findtext(path, default, namespaces)

    def findall(self, path: Any, namespaces: Any = None) -> Any:
        self._tell(path)
        return super().findall(path, namespaces)

    def get(self, key: str, default: Any = None) -> Any:
        self.note((f"@{key}",))
        return super().get(key, default)


class Copier:
    """Copier of one answer's tree, with changes and perhaps traced.

    Args:
        edits: the changes to the tree.
        number: the answer's number, for the trace.
        trace: the record of the driver's reads from the copy.
        shares: whether unchanged parts are shared with the tree instead of copied.
    """

    def __init__(
        self, edits: Edits, number: int = 0, trace: Trace | None = None, *, shares: bool = False
    ) -> None:
        self._shares = shares
        self._edits = edits
        self._number = number
        self._trace = trace
        self._on_the_way = {path[:end] for path in edits for end in range(len(path))}
        self._added: dict[Path, list[Path]] = {}
        for path in edits:
            self._added.setdefault(path[:-1], []).append(path)

    def copy(self, node: Any, path: Path = ()) -> Any:
        """Return a copy of the value at a path."""
        if path in self._edits:
            value = self._edits[path]
            if value is GONE or not is_element(node):
                return self._put_in(value, path)
            return self._child_of(node, node.tag, value, path)
        if self._trace is None and path not in self._on_the_way:
            return node if self._shares else _plain_copy(node)
        if isinstance(node, dict):
            return self._object(node, path)
        if isinstance(node, list | tuple):
            copies = (self.copy(child, (*path, at)) for at, child in enumerate(node))
            return [child for child in copies if child is not GONE]
        return self._element(node, path) if is_element(node) else node

    def _object(self, node: dict[str, Any], path: Path) -> dict[str, Any]:
        made = self._new_object(path)
        for key, child in node.items():
            if (new := self.copy(child, (*path, key))) is not GONE:
                made[key] = new
        for added in self._added.get(path, ()):
            if added[-1] not in node and self._edits[added] is not GONE:
                made[str(added[-1])] = self._put_in(self._edits[added], added)
        return made

    def _new_object(self, path: Path) -> dict[str, Any]:
        return {} if self._trace is None else _Object((self._trace, self._number, path))

    def _put_in(self, value: Any, path: Path) -> Any:
        """Return a value that was not in the answer, traced like the others."""
        if not isinstance(value, dict):
            return copy.deepcopy(value)
        made = self._new_object(path)
        for key, inner in value.items():
            made[key] = self._put_in(inner, (*path, key))
        return made

    def _child_of(self, parent: Any, tag: str, value: Any, path: Path) -> Any:
        """Return an element that was not in the answer, made from a dictionary or a text."""
        made = parent.makeelement(tag, {}) if self._trace is None else self._traced(tag, path)
        if not isinstance(value, dict):
            made.text = None if value is None else str(value)
            return made
        for step, inner in value.items():
            if step.startswith("<"):
                made.append(self._child_of(parent, step[1:-1], inner, (*path, step)))
            elif step.startswith("@"):
                made.set(step[1:], inner)
            else:
                made.text = inner
        return made

    def _element(self, node: Any, path: Path) -> Any:
        traced = self._trace is not None
        made = self._traced(node.tag, path) if traced else node.makeelement(node.tag, {})
        made.text = self._edits.get((*path, TEXT), node.text)
        made.tail = node.tail
        for name, value in node.attrib.items():
            new = self._edits.get((*path, f"@{name}"), value)
            if new is not GONE:
                made.set(name, new)
        for at, child in enumerate(node):
            if (new := self.copy(child, (*path, at))) is not GONE:
                made.append(new)
        for added in self._added.get(path, ()):
            step = str(added[-1])
            if step.startswith("<"):
                made.append(self._child_of(node, step[1:-1], self._edits[added], added))
            elif step.startswith("@") and step[1:] not in node.attrib:
                made.set(step[1:], self._edits[added])
        return made

    def _traced(self, tag: str, path: Path) -> Any:
        assert self._trace is not None
        made, trace, number = _Element(tag), self._trace, self._number
        made.note = lambda steps: trace.note(number, (*path, *steps))
        return made


def _plain_copy(node: Any) -> Any:
    if type(node) is dict:
        return {key: _plain_copy(child) for key, child in node.items()}
    if type(node) is list:
        return [_plain_copy(child) for child in node]
    return copy.deepcopy(node) if is_element(node) else node
