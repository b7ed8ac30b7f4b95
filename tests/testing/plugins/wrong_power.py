"""Clouds with one fault each in power changes."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from good_cloud import GoodCloud, seen_by_a_server
from orchestrator_core import InvalidParameter, Node, NodeState, hookimpl


class StaysDownAfterAReboot(GoodCloud):
    breaks, says = "C40", "must reach one of the states"

    @hookimpl
    def reboot_vm(self, node_id: str) -> None:
        self.found(node_id).state = NodeState.STOPPED


class MakesAnotherNodeInAReboot(GoodCloud):
    breaks, says = "C40", "must reach one of the states"

    @hookimpl
    def reboot_vm(self, node_id: str) -> None:
        old = self.found(node_id)
        del self.server.nodes[node_id]
        self.server.made += 1
        new = replace(old, id=f"i-{self.server.made:04d}")
        self.server.nodes[new.id] = new


class SuspendsInsteadOfSwitchingOff(GoodCloud):
    breaks, says = "C41", "must reach one of the states"

    @hookimpl
    def power_off_vm(self, node_id: str) -> None:
        self.found(node_id).state = NodeState.SUSPENDED


class SwitchesAllOff(GoodCloud):
    breaks, says = "C41", "must reach one of the states"

    @hookimpl
    def power_off_vm(self, node_id: str) -> None:
        self.found(node_id)
        for node in list(self.server.nodes.values()):
            node.state = NodeState.STOPPED


class DoesNotSwitchOn(GoodCloud):
    breaks, says = "C42", "must reach one of the states"

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        self.found(node_id)


class RebootsWhatIsNotThere(GoodCloud):
    breaks, says = "C43", "it accepted the id"
    instead: ClassVar = {"C47": "fail"}

    @hookimpl
    def reboot_vm(self, node_id: str) -> None:
        if node_id in self.server.nodes:
            super().reboot_vm(node_id)


class SwitchesOffWhatIsNotThere(GoodCloud):
    breaks, says = "C44", "it accepted the id"
    instead: ClassVar = {"C47": "fail"}

    @hookimpl
    def power_off_vm(self, node_id: str) -> None:
        if node_id in self.server.nodes:
            super().power_off_vm(node_id)


class SwitchesOnWhatIsNotThere(GoodCloud):
    breaks, says = "C45", "it accepted the id"
    instead: ClassVar = {"C47": "fail"}

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        if node_id in self.server.nodes:
            super().power_on_vm(node_id)


class CallsWhatIsNotThereAWrongParameter(GoodCloud):
    breaks, says = "C45", "invalid_parameter"

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        if node_id not in self.server.nodes:
            raise InvalidParameter("node", f"{node_id!r} is no id of a node")
        super().power_on_vm(node_id)


class ShowsTheStateOfBefore(GoodCloud):
    """A cloud that shows the previous state in a single node, and the new one in the list."""

    breaks, says = "C46", "must have the same new state"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return replace(super().get_node(node_id), state=NodeState.RUNNING)


class PutsTheIdOfARebootIntoAUrl(GoodCloud):
    breaks, says = "C47", "reboot_vm must refuse the id"

    @hookimpl
    def reboot_vm(self, node_id: str) -> None:
        super().reboot_vm(seen_by_a_server(node_id))


class PutsTheIdOfASwitchIntoAUrl(GoodCloud):
    breaks, says = "C47", "power_on_vm must refuse the id"

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        super().power_on_vm(seen_by_a_server(node_id))
