"""Clouds with one fault each in resizes, renames, images of nodes or console output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from good_cloud import GoodCloud, seen_by_a_server
from orchestrator_core import Image, InvalidParameter, Size, hookimpl


class NeverFinishesAResize(GoodCloud):
    breaks, says = "C80", "must come to its end"
    slow = True

    @hookimpl
    def confirm_resize(self, node_id: str, size: Size) -> bool:
        self.found(node_id)
        return False


class ForgetsAResize(GoodCloud):
    breaks, says = "C80", "the resize must succeed"

    @hookimpl
    def resize_vm(self, node_id: str, size: Size) -> None:
        self.found(node_id)


class MakesAnotherNodeInAResize(GoodCloud):
    breaks, says = "C80", "the resize must succeed"

    @hookimpl
    def resize_vm(self, node_id: str, size: Size) -> None:
        node = self.found(node_id)
        del self.server.nodes[node_id]
        self.server.made += 1
        new = replace(node, id=f"i-{self.server.made:04d}")
        self.server.nodes[new.id] = new


class ResizesWhatIsNotThere(GoodCloud):
    breaks, says = "C81", "it accepted the id"
    instead: ClassVar = {"C89": "fail"}

    @hookimpl
    def resize_vm(self, node_id: str, size: Size) -> None:
        if node_id in self.server.nodes:
            super().resize_vm(node_id, size)


class RenamesNothing(GoodCloud):
    breaks, says = "C82", "must be listed with the name"

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        self.found(node_id)


class RenamesAll(GoodCloud):
    breaks, says = "C82", "was"

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        self.found(node_id)
        for node in list(self.server.nodes.values()):
            node.name = name


class RenamesWhatIsNotThere(GoodCloud):
    breaks, says = "C83", "it accepted the id"
    instead: ClassVar = {"C89": "fail"}

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        if node_id in self.server.nodes:
            super().rename_vm(node_id, name)


class CallsARenameOfNothingAWrongParameter(GoodCloud):
    breaks, says = "C83", "invalid_parameter"

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        if node_id not in self.server.nodes:
            raise InvalidParameter("node", f"{node_id!r} is no id of a node")
        super().rename_vm(node_id, name)


class KeepsTheMarkerInTheName(GoodCloud):
    """A cloud whose rename loses the marker, as if it were a part of the name."""

    breaks, says = "C84", "has lost its marker"

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        super().rename_vm(node_id, name)
        self.found(node_id).marker = "another"


class HidesItsImages(GoodCloud):
    breaks, says = "C85", "must be listed with the name"

    @hookimpl
    def create_image(self, node_id: str, name: str) -> Image:
        image = super().create_image(node_id, name)
        del self.server.images[image.id]
        return image


class ReturnsTheImageOfTheNode(GoodCloud):
    breaks, says = "C85", "existed before"

    @hookimpl
    def create_image(self, node_id: str, name: str) -> Image:
        self.found(node_id)
        return Image("img-1", name)


class MakesAnImageOfNothing(GoodCloud):
    breaks, says = "C86", "it accepted the id"
    instead: ClassVar = {"C89": "fail"}

    @hookimpl
    def create_image(self, node_id: str, name: str) -> Image:
        if node_id in self.server.nodes:
            return super().create_image(node_id, name)
        return Image(f"img-of-{node_id}", name)


class ReturnsBytes(GoodCloud):
    breaks, says = "C87", "return str"

    @hookimpl
    def get_console_output(self, node_id: str) -> Any:
        return super().get_console_output(node_id).encode()


class ShowsAConsoleOfNothing(GoodCloud):
    breaks, says = "C88", "it accepted the id"
    instead: ClassVar = {"C89": "fail"}

    @hookimpl
    def get_console_output(self, node_id: str) -> str:
        return ""


class PutsTheIdOfAConsoleIntoAUrl(GoodCloud):
    breaks, says = "C89", "get_console_output must refuse the id"

    @hookimpl
    def get_console_output(self, node_id: str) -> str:
        return super().get_console_output(seen_by_a_server(node_id))


class PutsTheIdOfARenameIntoAUrl(GoodCloud):
    breaks, says = "C89", "rename_vm must refuse the id"

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        super().rename_vm(seen_by_a_server(node_id), name)
