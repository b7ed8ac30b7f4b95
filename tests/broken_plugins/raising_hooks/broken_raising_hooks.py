"""Raises in every hook; the text of the exceptions holds what nobody may see."""

from typing import Any, NoReturn

from orchestrator_core import PluginContext, hookimpl


def fail() -> NoReturn:
    """Fail."""
    raise RuntimeError("the password is hunter2")


class Driver:
    """A cloud."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def check(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def list_nodes(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def list_images(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def list_sizes(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def list_locations(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def stop_vm(self, node_id: str) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def get_image(self, image_id: str) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def get_size(self, size_id: str) -> Any:
        """Fail."""
        raise SystemExit("hunter2")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def close(self) -> Any:
        """Fail."""
        fail()


class Backend:
    """An assignment backend."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def list_vms(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def resolve_vm(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def assign_vm(self) -> Any:
        """Fail."""
        fail()

    @hookimpl
    def release_vm(self) -> Any:
        """Fail."""
        fail()
