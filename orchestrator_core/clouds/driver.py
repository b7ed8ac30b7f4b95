"""The typed way into a cloud's plugin: one method for each hook, and the fallbacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    ImageNotFound,
    InvalidParameter,
    NodeNotFound,
    NotFound,
    SizeNotFound,
)
from orchestrator_core.model import CloudDescription, Image, Location, Node, Size, StartRequest
from orchestrator_core.plugins.hooks import Hooks

T = TypeVar("T", Node, Image, Size)


class Driver:
    """One cloud's hooks. Every method blocks; call it in that cloud's threads.

    Each raises :class:`~orchestrator_core.errors.Unsupported` when the plugin does not
    implement the hook, and what the hook's own documentation says.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._description: CloudDescription | None = None

    def describe(self) -> CloudDescription:
        """What this cloud is; asked once, then remembered."""
        if self._description is None:
            self._description = self._hooks.one("describe", CloudDescription)
        return self._description

    def check(self, deadline: Deadline) -> None:
        """Whether the cloud can be reached with these credentials."""
        if self._hooks.supports("check"):
            self._hooks.call("check", deadline=deadline)
        else:
            self.list_nodes(deadline)

    def list_nodes(self, deadline: Deadline) -> Sequence[Node]:
        """Every node."""
        return self._hooks.many("list_nodes", Node, deadline=deadline)

    def list_images(self, deadline: Deadline) -> Sequence[Image]:
        """Every image."""
        return self._hooks.many("list_images", Image, deadline=deadline)

    def list_sizes(self, deadline: Deadline) -> Sequence[Size]:
        """Every size."""
        return self._hooks.many("list_sizes", Size, deadline=deadline)

    def list_locations(self, deadline: Deadline) -> Sequence[Location]:
        """Every location."""
        return self._hooks.many("list_locations", Location, deadline=deadline)

    def get_node(self, node_id: str, deadline: Deadline) -> Node:
        """One node, from the list where the plugin cannot get one alone."""
        if self._hooks.supports("get_node"):
            return self._hooks.one("get_node", Node, node_id=node_id, deadline=deadline)
        return _pick(self.list_nodes(deadline), node_id, NodeNotFound, "node")

    def get_image(self, image_id: str, deadline: Deadline) -> Image:
        """One image, from the list where the plugin cannot get one alone.

        A plugin that knows no images at all is handed the id as it came, to judge for itself.
        """
        if self._hooks.supports("get_image"):
            return self._hooks.one("get_image", Image, image_id=image_id, deadline=deadline)
        if not self._hooks.supports("list_images"):
            return Image(image_id, image_id)
        return _pick(self.list_images(deadline), image_id, ImageNotFound, "image")

    def get_size(self, size_id: str, deadline: Deadline) -> Size:
        """One size, from the list where the plugin cannot get one alone; as for images."""
        if self._hooks.supports("get_size"):
            return self._hooks.one("get_size", Size, size_id=size_id, deadline=deadline)
        if not self._hooks.supports("list_sizes"):
            return Size(size_id, size_id)
        return _pick(self.list_sizes(deadline), size_id, SizeNotFound, "size")

    def node_named(self, name: str, deadline: Deadline) -> Node:
        """The one node of that name.

        Raises:
            NodeNotFound: when there is none.
            InvalidParameter: when there are several; it names them.
        """
        found = [node for node in self.list_nodes(deadline) if node.name == name]
        if not found:
            raise NodeNotFound(f"There is no node with the hostname {name!r}")
        if len(found) > 1:
            ids = ", ".join(sorted(node.id for node in found))
            raise InvalidParameter("hostname", f"{name!r} fits several nodes: {ids}; use node")
        return found[0]

    def start_vm(self, request: StartRequest, deadline: Deadline) -> Node:
        """Create a node."""
        return self._hooks.one("start_vm", Node, request=request, deadline=deadline)

    def stop_vm(self, node_id: str, deadline: Deadline) -> None:
        """Destroy a node."""
        self._hooks.call("stop_vm", node_id=node_id, deadline=deadline)

    def require(self, hook: str) -> None:
        """Find out that an operation is not offered before anything else is done for it.

        Raises:
            Unsupported: when the plugin does not implement it.
        """
        self._hooks.require(hook)

    def close(self) -> None:
        """Let go of connections."""
        if self._hooks.supports("close"):
            self._hooks.call("close")


def _pick(things: Sequence[T], wanted: str, missing: type[NotFound], noun: str) -> T:
    for thing in things:
        if thing.id == wanted:
            return thing
    raise missing(f"There is no {noun} {wanted!r}")
