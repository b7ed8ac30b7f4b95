"""The order of a list of nodes, and a place in it that holds while nodes come and go."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from types import MappingProxyType
from typing import Any, Final

import orjson

from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.model import Node

Key = Callable[[Node], str | None]


def _created_at(node: Node) -> str | None:
    if node.created_at is None:
        return None
    return node.created_at.astimezone(UTC).isoformat(timespec="microseconds")


KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "id": lambda node: node.id,
        "name": lambda node: node.name,
        "state": lambda node: node.state.value,
        "image": lambda node: node.image,
        "size": lambda node: node.size,
        "created_at": _created_at,
    }
)
"""The fields by which nodes can be sorted."""


def normal(sort: str) -> str:
    """Return the parameter ``sort`` without spaces around its fields."""
    return ",".join(word.strip() for word in sort.split(","))


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a sorted list, behind one node.

    Attributes:
        sort: the parameter ``sort`` of the list.
        values: the node's value of each field of the order.
        node_id: the node's id, which decides among equal values.
    """

    sort: str
    values: tuple[str | None, ...]
    node_id: str

    def text(self) -> str:
        """Return the content of a cursor."""
        return orjson.dumps([self.sort, self.values, self.node_id]).decode()

    @classmethod
    def read(cls, text: str) -> Position:
        """Return the place in a cursor.

        Raises:
            ValueError: when the content is not that of :meth:`text`.
        """
        content = orjson.loads(text)
        if not _is_position(content):
            raise ValueError(text)
        sort, values, node_id = content
        return cls(sort, tuple(values), node_id)


def _is_position(content: Any) -> bool:
    match content:
        case [str(sort), [*values], str()]:
            has_texts = all(isinstance(value, str | None) for value in values)
            return has_texts and len(values) == len(sort.split(","))
    return False


@dataclass(frozen=True, slots=True)
class Order:
    """The order that a query asks for; nodes without a value come last in either direction.

    Attributes:
        sort: the parameter ``sort``.
        fields: the fields, each with whether it descends.
    """

    sort: str
    fields: tuple[tuple[str, bool], ...]

    @classmethod
    def read(cls, sort: str) -> Order:
        """Return the order in the parameter ``sort``.

        Raises:
            InvalidQuery: for a field by which nodes cannot be sorted, or one that is named twice.
        """
        words = normal(sort).split(",")
        fields = tuple((word.removeprefix("-"), word.startswith("-")) for word in words)
        for name, _ in fields:
            if name not in KEYS:
                known = ", ".join(KEYS)
                raise InvalidQuery("sort", f"nodes cannot be sorted by {name[:64]!r}; use {known}")
        if len({name for name, _ in fields}) < len(fields):
            raise InvalidQuery("sort", "names a field twice")
        return cls(normal(sort), fields)

    def of(self, nodes: Sequence[Node]) -> list[Node]:
        """Return the nodes in this order; nodes with equal values are in the order of their ids."""
        return sorted(nodes, key=self.key)

    def after(self, position: Position, in_order: Sequence[Node]) -> Sequence[Node]:
        """Return the sorted nodes that come after a place."""
        behind = self._key(position.values, position.node_id)
        return in_order[bisect_right(in_order, behind, key=self.key) :]

    def position(self, node: Node) -> Position:
        """Return the place behind a node."""
        return Position(self.sort, tuple(KEYS[name](node) for name, _ in self.fields), node.id)

    def key(self, node: Node) -> tuple[Any, ...]:
        """Return what a node is sorted by."""
        return self._key((KEYS[name](node) for name, _ in self.fields), node.id)

    def _key(self, values: Iterable[str | None], node_id: str) -> tuple[Any, ...]:
        fields = zip(self.fields, values, strict=True)
        ranks = (
            (value is None, _Descending(value or "") if descends else value or "")
            for (_, descends), value in fields
        )
        return (*ranks, node_id)


@dataclass(frozen=True, slots=True)
class _Descending:
    """A text in descending order."""

    text: str

    def __lt__(self, other: _Descending) -> bool:
        return other.text < self.text
