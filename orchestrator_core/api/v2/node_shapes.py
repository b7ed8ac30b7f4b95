"""The functions that shape and encode nodes, with what the ledger knows of them.

They run in the cloud's threads: they block while they read the database.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator_core.api.shared import encoding
from orchestrator_core.api.shared.encoded import Encoded
from orchestrator_core.api.shared.encoding import encode
from orchestrator_core.api.v2 import schemas
from orchestrator_core.api.v2.cursors import Window, cursor_after
from orchestrator_core.api.v2.selection import Selection
from orchestrator_core.api.v2.shapes import (
    PROJECTIONS,
    ListAnswer,
    Owner,
    cut,
    encode_things,
    shape_node,
)
from orchestrator_core.broker.ledger.view import LedgerView
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.model import CloudDescription, Node

ViewOf = Callable[[Cloud], LedgerView]
"""The function that reads what the ledger knows of a cloud's VMs; it blocks."""

_MOST_ANSWERS: Final = 8
"""The most answers that are kept for one list of one cloud."""


@dataclass(slots=True)
class _Kept:
    nodes: Sequence[Node]
    view: LedgerView
    answers: dict[NodesShape, ListAnswer]


class KeptAnswers:
    """The answers for lists that plugins have returned again unchanged.

    A plugin says so with the same tuple object, and the ledger with the same view. Nothing is
    shaped, sorted or encoded again then.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of(self, shape: NodesShape, nodes: Sequence[Node], view: LedgerView) -> ListAnswer:
        """Return the answer for a list."""
        if type(nodes) is not tuple:
            return shape.answer(nodes, view)
        kept = self._kept.get(shape.cloud.name)
        if kept is None or kept.nodes is not nodes or kept.view is not view:
            kept = self._kept[shape.cloud.name] = _Kept(nodes, view, {})
        answer = kept.answers.get(shape)
        if answer is None:
            if len(kept.answers) >= _MOST_ANSWERS:
                kept.answers.clear()
            answer = kept.answers[shape] = shape.answer(nodes, view)
        return answer


@dataclass(frozen=True, slots=True)
class NodesShape:
    """The function that filters, sorts, cuts, shapes and encodes the nodes of one cloud.

    Attributes:
        cloud: the cloud.
        page: the requested page.
        selection: the requested filters and order.
        view_of: the function that reads the ledger.
        kept: the answers to lists that have not changed.
    """

    cloud: Cloud
    page: Window
    selection: Selection
    view_of: ViewOf
    kept: KeptAnswers = field(compare=False)

    def __hash__(self) -> int:
        """Return a hash of what most requests differ in; it is taken several times for each."""
        return hash((self.cloud.name, self.page.limit))

    def __call__(self, _: CloudDescription, nodes: Sequence[Node]) -> ListAnswer:
        """Return the answer for the whole list of a cloud."""
        return self.kept.of(self, nodes, self.view_of(self.cloud))

    def answer(self, nodes: Sequence[Node], view: LedgerView) -> ListAnswer:
        """Return the answer for a list and for what the ledger knows of it."""
        nodes = self.selection.filter(view.complete(nodes))
        shown, cursor = self._cut(nodes)
        owner = Owner.of(self.cloud.name, view)
        return encode_things("nodes", schemas.NodeSchema, owner, shown, cursor)

    def _cut(self, nodes: Sequence[Node]) -> tuple[Sequence[Node], str | None]:
        order = self.selection.order
        if order is None:
            return cut(self.page, nodes)
        rest: Sequence[Node] = order.of(nodes)
        if self.page.position is not None:
            rest = order.after(self.page.position, rest)
        shown = rest[: self.page.limit]
        more = len(shown) < len(rest)
        return shown, cursor_after(order.position(shown[-1])) if more else None


@dataclass(frozen=True, slots=True)
class NodeShape:
    """The function that shapes and encodes one node; the attributes are those of NodesShape."""

    cloud: Cloud
    view_of: ViewOf

    def __call__(self, _: CloudDescription, node: Node) -> bytes:
        """Return the answer for one node."""
        view = self.view_of(self.cloud)
        return encode(shape_node(Owner.of(self.cloud.name, view), view.of(node)))


Items = Encoded | list[tuple[Any, bytes]]
"""The encoded items of one cloud: together, or one by one with the key by which each is sorted."""


@dataclass(frozen=True, slots=True)
class NodeItems:
    """The function that encodes one cloud's nodes for an answer of several clouds.

    The attributes are those of NodesShape.
    """

    cloud: Cloud
    selection: Selection
    view_of: ViewOf

    def __call__(self, _: CloudDescription, nodes: Sequence[Node]) -> Items:
        """Return the JSON of the items."""
        view = self.view_of(self.cloud)
        owner = Owner.of(self.cloud.name, view)
        shown = self.selection.filter(view.complete(nodes))
        order = self.selection.order
        if order is None:
            many = PROJECTIONS[schemas.NodeSchema].many
            return Encoded(encoding.item_parts(many, owner, shown))
        return [(order.key(node), encode(shape_node(owner, node))) for node in order.of(shown)]


def merged(lists: Sequence[Items]) -> Encoded:
    """Return the JSON of the items of several clouds, separated by commas; this may block.

    Items that are sorted for each cloud are sorted together.
    """
    in_order = [items for items in lists if isinstance(items, list)]
    if not in_order:
        return encoding.joined([items for items in lists if isinstance(items, Encoded)])
    items = heapq.merge(*in_order, key=lambda item: item[0])
    return Encoded(encoding.grouped(text for _, text in items))
