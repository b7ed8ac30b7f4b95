"""A cloud whose VMs never finish booting."""

from __future__ import annotations

from typing import Any

from orchestrator_core import (
    CloudDescription,
    Image,
    Node,
    NodeState,
    PluginContext,
    Size,
    hookimpl,
)


class BootingCloud:
    """A driver that starts one VM, which stays pending."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("booting", "Booting")

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        return Image(image_id, image_id)

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        return Size(size_id, size_id)

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return Node(node_id, "web", NodeState.PENDING)

    @hookimpl
    def start_vm(self) -> Node:
        return Node("1", "web", NodeState.PENDING)
