"""Clouds that put ids into URLs unescaped, in every hook."""

from __future__ import annotations

from dataclasses import replace

from good_cloud import GoodCloud, seen_by_a_server
from orchestrator_core import Node, hookimpl


class CarelessCloud(GoodCloud):
    """A cloud that answers with the node that its server shows."""

    def found(self, node_id: str) -> Node:
        return super().found(seen_by_a_server(node_id))


class EchoingCloud(CarelessCloud):
    """A cloud that answers with the requested id, whatever node its server shows."""

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return replace(self.found(node_id), id=node_id)
