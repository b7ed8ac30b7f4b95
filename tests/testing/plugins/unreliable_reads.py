"""Clouds that show nodes late, or not at all."""

from __future__ import annotations

from good_cloud import GoodCloud
from orchestrator_core import CloudUnreachable, Node, NodeNotFound, hookimpl


class FailingCloud(GoodCloud):
    """A cloud that accepts changes and fails every read."""

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        raise CloudUnreachable("The cloud cannot be reached")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        raise CloudUnreachable("The cloud cannot be reached")


class LateCloud(GoodCloud):
    """A cloud whose reads miss a started node until several reads were made."""

    asked = 0
    MISSES = 3

    def _is_late(self, node: Node) -> bool:
        return node.marker is not None and type(self).asked <= self.MISSES

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        node = super().get_node(node_id)
        type(self).asked += 1
        if self._is_late(node):
            raise NodeNotFound(f"There is no node {node_id!r}")
        return node

    @hookimpl
    def list_nodes(self) -> list[Node]:
        type(self).asked += 1
        return [node for node in super().list_nodes() if not self._is_late(node)]
