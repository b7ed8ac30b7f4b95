"""Clouds that put ids into URLs as they are, in every hook."""

from __future__ import annotations

from dataclasses import replace

from good_cloud import GoodCloud, seen_by_a_server
from orchestrator_core import Node, hookimpl


class CarelessCloud(GoodCloud):
    """It answers with what its server shows."""

    def found(self, node_id: str) -> Node:
        return super().found(seen_by_a_server(node_id))


class EchoingCloud(CarelessCloud):
    """It answers with the id that it was asked for, whatever its server shows."""

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return replace(self.found(node_id), id=node_id)
