"""Clouds with one fault each in how they take the ids of a caller."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

from good_cloud import GoodCloud, seen_by_a_server
from orchestrator_core import Image, InvalidParameter, Node, Size, hookimpl


class CallsAMissingNodeAWrongParameter(GoodCloud):
    breaks, says = "C10", "invalid_parameter"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        if node_id not in self.server.nodes:
            raise InvalidParameter("node", f"{node_id!r} is no id of a node")
        return super().get_node(node_id)


class TakesTheBeginningOfAnId(GoodCloud):
    breaks, says = "C10", "expected 400"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        for node in super().list_nodes():
            if node.id.startswith(node_id):
                return node
        return super().get_node(node_id)


class TakesAnIdInAnyCase(GoodCloud):
    breaks, says = "C10", "expected 400"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return super().get_node(node_id.lower())


class PutsAnIdIntoAUrl(GoodCloud):
    """A cloud that puts an id into a URL unescaped, so that the server parses it."""

    breaks, says = "C15", "get_node must refuse the id"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return super().get_node(seen_by_a_server(node_id))


class WritesTheIdItWasAskedFor(GoodCloud):
    """A cloud that puts an id into a URL unescaped, and copies it into its answer."""

    breaks, says = "C15", "it accepted the id"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return replace(super().get_node(seen_by_a_server(node_id)), id=node_id)


class PutsAnImagesIdIntoAUrl(GoodCloud):
    breaks, says = "C15", "get_image must refuse the id"

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        return super().get_image(seen_by_a_server(image_id))


class PutsASizesIdIntoAUrl(GoodCloud):
    breaks, says = "C15", "get_size must refuse the id"

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        return super().get_size(seen_by_a_server(size_id))


class DecodesAnIdTwice(GoodCloud):
    """A cloud whose ids are escaped once, and decoded by the server and by its framework."""

    breaks, says = "C15", "get_node must refuse the id"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return super().get_node(unquote(node_id))
