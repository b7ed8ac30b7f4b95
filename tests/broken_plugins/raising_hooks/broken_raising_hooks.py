"""Plugins whose hooks raise; the exceptions' text must not reach a client."""

import asyncio
from typing import Any, NoReturn

from orchestrator_core import CloudDescription, Image, PluginContext, Size, Vm, hookimpl


def fail() -> NoReturn:
    """Raise an exception with internal details in its text."""
    raise RuntimeError("the password is hunter2")


class Driver:
    """A cloud whose hooks all raise."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def describe(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def check(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def list_nodes(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def list_images(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def list_sizes(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def list_locations(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def stop_vm(self, node_id: str) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def get_image(self, image_id: str) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def get_size(self, size_id: str) -> Any:
        """Raise."""
        raise SystemExit("hunter2")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def close(self) -> Any:
        """Raise."""
        fail()


class Calls(Driver):
    """A cloud that describes itself and raises in all other hooks."""

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return a valid description."""
        return CloudDescription("raising", "Raising")

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        """Return a valid image, so that a start reaches start_vm."""
        return Image(image_id, "x")

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        """Return a valid size, so that a start reaches start_vm."""
        return Size(size_id, "x")


class Exits(Calls):
    """A cloud that raises a BaseException, or an exception that Python itself interprets."""

    @hookimpl
    def list_nodes(self) -> Any:
        """Try to end the process."""
        raise SystemExit("hunter2")

    @hookimpl
    def list_images(self) -> Any:
        """Raise KeyboardInterrupt."""
        raise KeyboardInterrupt("hunter2")

    @hookimpl
    def list_sizes(self) -> Any:
        """Raise CancelledError, the sign of a caller who disconnected."""
        raise asyncio.CancelledError("hunter2")

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Raise StopIteration."""
        raise StopIteration("hunter2")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Raise GeneratorExit."""
        raise GeneratorExit("hunter2")

    @hookimpl
    def stop_vm(self, node_id: str) -> Any:
        """Raise MemoryError."""
        raise MemoryError("hunter2")


class Backend:
    """An assignment backend whose hooks all raise."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def list_vms(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def resolve_vm(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def assign_vm(self) -> Any:
        """Raise."""
        fail()

    @hookimpl
    def release_vm(self) -> Any:
        """Raise."""
        fail()


class CallsBackend(Backend):
    """An assignment backend that finds every VM and raises in all other hooks."""

    @hookimpl
    def resolve_vm(self, node: str | None) -> Vm:
        """Return a valid VM, so that assign and release reach their own hooks."""
        return Vm(1, node or "1", "one")

    @hookimpl
    def release_vm(self) -> Any:
        """Try to end the process."""
        raise SystemExit("hunter2")
