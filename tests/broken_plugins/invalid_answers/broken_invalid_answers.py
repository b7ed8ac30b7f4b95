"""Plugins whose hooks return nothing, or invalid values."""

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
    """A cloud whose hooks return invalid types."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> Any:
        """Return an invalid value."""
        return CloudDescription("nonsense", "Nonsense")

    @hookimpl
    def list_nodes(self) -> Any:
        """Return an invalid value."""
        return [Node(id=None, name="x")]

    @hookimpl
    def list_images(self) -> Any:
        """Return an invalid value."""
        return None

    @hookimpl
    def list_sizes(self) -> Any:
        """Return an invalid value."""
        return "three sizes"

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Return an invalid value."""
        return Node(node_id, "x", extra={"self": object()})

    @hookimpl
    def get_image(self, image_id: str) -> Any:
        """Return an invalid value."""
        return Image(image_id, "x")

    @hookimpl
    def get_size(self, size_id: str) -> Any:
        """Return an invalid value."""
        return Size(size_id, "x")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Return an invalid value."""
        return None


class Nothing:
    """A cloud that returns None even from describe."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> Any:
        """Return an invalid value."""
        return None

    @hookimpl
    def list_nodes(self) -> Any:
        """Return an invalid value."""
        return None


class Values(Driver):
    """A cloud whose objects are of the right class and have invalid fields."""

    @hookimpl
    def list_nodes(self) -> Any:
        """Return an invalid value."""
        return [Node("1", "x", public_ips=5)]

    @hookimpl
    def list_images(self) -> Any:
        """Return an invalid value."""
        return [Image("1", "one"), Size("2", "two")]

    @hookimpl
    def list_sizes(self) -> Any:
        """Return an invalid value."""
        return (Size(str(number), "x") for number in range(2))

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Return an invalid value."""
        return Node("\ud800", "x")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Return an invalid value."""
        return Node("1", "x", state=["running"])


class Backend:
    """An assignment backend whose hooks return invalid types."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def list_vms(self) -> Any:
        """Return an invalid value."""
        return {"vms": []}

    @hookimpl
    def resolve_vm(self) -> Any:
        """Return an invalid value."""
        return Vm(1, "1", "one")

    @hookimpl
    def assign_vm(self) -> Any:
        """Return an invalid value."""
        return "done"

    @hookimpl
    def release_vm(self) -> Any:
        """Return an invalid value."""
        return None


class ValuesBackend:
    """An assignment backend whose objects have invalid fields."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def list_vms(self) -> Any:
        """Return an invalid value."""
        return [Vm(1, "1", "one", status="FREE")]

    @hookimpl
    def resolve_vm(self) -> Any:
        """Return an invalid value."""
        return None

    @hookimpl
    def assign_vm(self) -> Any:
        """Return an invalid value."""
        return None

    @hookimpl
    def release_vm(self) -> Any:
        """Return an invalid value."""
        return AssignmentResult(1, "1", "released")
