"""Raises in every hook; the text of the exceptions holds what nobody may see."""

import asyncio
from typing import Any, NoReturn

from orchestrator_core import CloudDescription, Image, PluginContext, Size, Vm, hookimpl


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


class Calls(Driver):
    """A cloud that says what it is and fails in all else."""

    @hookimpl
    def describe(self) -> CloudDescription:
        """Whole."""
        return CloudDescription("raising", "Raising")

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        """Whole, so that the start comes to start_vm."""
        return Image(image_id, "x")

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        """Whole, so that the start comes to start_vm."""
        return Size(size_id, "x")


class Exits(Calls):
    """A cloud that raises what is no Exception, or what Python gives a meaning to."""

    @hookimpl
    def list_nodes(self) -> Any:
        """Try to end the process."""
        raise SystemExit("hunter2")

    @hookimpl
    def list_images(self) -> Any:
        """Look like somebody at the keyboard."""
        raise KeyboardInterrupt("hunter2")

    @hookimpl
    def list_sizes(self) -> Any:
        """Look like a caller who left."""
        raise asyncio.CancelledError("hunter2")

    @hookimpl
    def get_node(self, node_id: str) -> Any:
        """Look like the end of something."""
        raise StopIteration("hunter2")

    @hookimpl
    def start_vm(self, request: Any) -> Any:
        """Look like the end of something else."""
        raise GeneratorExit("hunter2")

    @hookimpl
    def stop_vm(self, node_id: str) -> Any:
        """Run out of memory."""
        raise MemoryError("hunter2")


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


class CallsBackend(Backend):
    """An assignment backend that finds every VM and fails in all else."""

    @hookimpl
    def resolve_vm(self, node: str | None) -> Vm:
        """Whole, so that assign and release come to their own hooks."""
        return Vm(1, node or "1", "one")

    @hookimpl
    def release_vm(self) -> Any:
        """Try to end the process."""
        raise SystemExit("hunter2")
