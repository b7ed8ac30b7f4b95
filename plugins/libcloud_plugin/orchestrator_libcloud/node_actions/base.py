"""Actions on a node that providers offer in ways of their own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from orchestrator_core import Conflict, Image, NodeState, Size
from orchestrator_libcloud.nodes.carriers import Name, carrier_of
from orchestrator_libcloud.nodes.convert import node_marker
from orchestrator_libcloud.nodes.states import state_of

METHODS: Final[Mapping[str, str]] = {
    "resize_vm": "resize",
    "confirm_resize": "confirm_resize",
    "rename_vm": "rename",
    "create_image": "create_image",
    "get_console_output": "console",
}
"""The hooks to the methods of :class:`NodeActions`."""


_REASONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(METHODS, "does not offer it through Libcloud"),
    "confirm_resize": "waits for no confirmation of a resize",
}


class NodeActions:
    """The actions of one provider; a derived class overrides those that the provider offers.

    Each method gets the Libcloud driver object and Libcloud's node, and returns as soon as the
    provider has accepted. An action that returns False was not accepted, without a reason.

    Attributes:
        reasons: for a hook that is not offered the reason, which continues a sentence that begins
            with the provider's name.
    """

    reasons: ClassVar[Mapping[str, str]] = {}

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Give a node another size, which is Libcloud's ``NodeSize``."""
        raise NotImplementedError

    def confirm_resize(self, driver: Any, node: Any, size: Size) -> bool:
        """Confirm a resize if the provider waits for that; return whether it is complete."""
        raise NotImplementedError

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Give a node another name, which has the node's marker if the name carries it."""
        raise NotImplementedError

    def create_image(self, driver: Any, node: Any, name: str) -> Image:
        """Make an image of a node."""
        raise NotImplementedError

    def console(self, driver: Any, node: Any) -> str:
        """Return the output of a node's console."""
        raise NotImplementedError

    def why_not(self, driver: Any, hook: str) -> str | None:
        """Return why a provider does not offer a hook; None if it does.

        Args:
            driver: the driver object or its class.
            hook: one of :data:`METHODS`.
        """
        method = METHODS[hook]
        if getattr(type(self), method) is not getattr(NodeActions, method):
            return None
        return f"Provider {driver.name} {self.reasons.get(hook) or _REASONS[hook]}"


def libcloud_size(driver: Any, size: Size) -> Any:
    """Return Libcloud's object for a size; the actions read only its id and its name."""
    base = importlib.import_module("libcloud.compute.base")
    return base.NodeSize(
        size.id, size.name, size.ram, size.disk, bandwidth=None, price=0.0, driver=driver
    )


def marked_name(driver: Any, node: Any, name: str) -> str:
    """Return a node's new name, with the marker if the provider stores it in the name.

    Raises:
        InvalidParameter: the name with the marker is too long.
    """
    carrier, marker = carrier_of(driver), node_marker(node)
    if not isinstance(carrier, Name) or marker is None:
        return name
    return str(carrier.put({"name": name}, marker)["name"])


def check_stopped(node: Any) -> None:
    """Check that a node is powered off, for a provider that resizes only such nodes.

    Raises:
        Conflict: it is not; nothing was done.
    """
    state = state_of(node)
    if state is not NodeState.STOPPED:
        raise Conflict(
            f"This provider resizes only nodes that are powered off, and node {node.id} is "
            f"{state.value}; power it off first",
            nothing_done=True,
        )
