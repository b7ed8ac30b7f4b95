"""Answers every hook with nothing, or with nonsense."""

from typing import Any

from orchestrator_core import (
    AssignmentResult,
    CloudDescription,
    Image,
    Node,
    PluginContext,
    Size,
    Vm,
    hookimpl,
)


class Driver:
    """A cloud."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> Any:
        """Nonsense."""
        return CloudDescription("nonsense", "Nonsense")

    @hookimpl
    def list_nodes(self) -> Any:
        """Nonsense."""
        return [Node(id=None, name="x")]

    @hookimpl
    def list_images(self) -> Any:
        """Nonsense."""
        return None

    @hookimpl
    def list_sizes(self) -> Any:
        """Nonsense."""
        return "three sizes"

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Nonsense."""
        return Node(node_id, "x", extra={"self": object()})

    @hookimpl
    def get_image(self, image_id: str) -> Any:
        """Nonsense."""
        return Image(image_id, "x")

    @hookimpl
    def get_size(self, size_id: str) -> Any:
        """Nonsense."""
        return Size(size_id, "x")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Nonsense."""
        return None


class Nothing:
    """A cloud that answers None even to what it is."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> Any:
        """Nonsense."""
        return None

    @hookimpl
    def list_nodes(self) -> Any:
        """Nonsense."""
        return None


class Values(Driver):
    """A cloud whose objects are of the right class and hold what they should not."""

    @hookimpl
    def list_nodes(self) -> Any:
        """Nonsense."""
        return [Node("1", "x", public_ips=5)]

    @hookimpl
    def list_images(self) -> Any:
        """Nonsense."""
        return [Image("1", "one"), Size("2", "two")]

    @hookimpl
    def list_sizes(self) -> Any:
        """Nonsense."""
        return (Size(str(number), "x") for number in range(2))

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Nonsense."""
        return Node("\ud800", "x")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Nonsense."""
        return Node("1", "x", state=["running"])


class Backend:
    """An assignment backend."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def list_vms(self) -> Any:
        """Nonsense."""
        return {"vms": []}

    @hookimpl
    def resolve_vm(self) -> Any:
        """Nonsense."""
        return Vm(1, "1", "one")

    @hookimpl
    def assign_vm(self) -> Any:
        """Nonsense."""
        return "done"

    @hookimpl
    def release_vm(self) -> Any:
        """Nonsense."""
        return None


class ValuesBackend:
    """An assignment backend whose objects hold what they should not."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def list_vms(self) -> Any:
        """Nonsense."""
        return [Vm(1, "1", "one", status="FREE")]

    @hookimpl
    def resolve_vm(self) -> Any:
        """Nonsense."""
        return None

    @hookimpl
    def assign_vm(self) -> Any:
        """Nonsense."""
        return None

    @hookimpl
    def release_vm(self) -> Any:
        """Nonsense."""
        return AssignmentResult(1, "1", "released")
