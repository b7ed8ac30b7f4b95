"""Behaviours C40 to C49: reboots and power changes."""

from __future__ import annotations

from urllib.parse import quote

from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.cloud import (
    ERROR,
    PAUSED,
    RUNNING,
    STOPPED,
    SUSPENDED,
    UNKNOWN,
    CloudUnderTest,
)
from orchestrator_core.testing.targets.target import expect

_NO = "no-such-thing"


class BaseCloudPower(BaseCloudReady):
    """The behaviours of reboot, power-off and power-on."""

    @behaviour("C40", "reboot_vm", "list_nodes")
    def test_reboot(self, cloud: CloudUnderTest) -> None:
        """A rebooted node keeps its id and runs.

        A node that was created again is another node.
        """
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/reboot/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)

    @behaviour("C41", "power_off_vm", "list_nodes")
    def test_power_off(self, cloud: CloudUnderTest) -> None:
        """A node that is powered off is stopped and still exists, and no other node is stopped.

        Suspended and paused are other states, and a destroyed node cannot be restored.
        """
        other = cloud.some_node()
        node_id = cloud.some_node(other)
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, STOPPED)
        cloud.wait_for_state(other, RUNNING, UNKNOWN)

    @behaviour("C42", "power_on_vm", "power_off_vm", "list_nodes")
    def test_power_on(self, cloud: CloudUnderTest) -> None:
        """A node that is powered on again runs.

        It may have been in any state that a power-off leads to.
        """
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, STOPPED, SUSPENDED, PAUSED, ERROR)
        expect(cloud.api.put("/vm/action/poweron/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, RUNNING)

    @behaviour("C43", "reboot_vm")
    def test_reboot_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A reboot of an unknown node is refused with a message that names it.

        The error must be ``NodeNotFound``, as for a stop.
        """
        cloud.has_none("reboot_vm", _NO)

    @behaviour("C44", "power_off_vm")
    def test_power_off_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A power-off of an unknown node is refused with a message that names it.

        The error must be ``NodeNotFound``, as for a stop.
        """
        cloud.has_none("power_off_vm", _NO)

    @behaviour("C45", "power_on_vm")
    def test_power_on_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A power-on of an unknown node is refused with a message that names it.

        The error must be ``NodeNotFound``, as for a stop.
        """
        cloud.has_none("power_on_vm", _NO)

    @behaviour("C46", "get_node", "power_off_vm", "list_nodes")
    def test_the_state_of_one_node(self, cloud: CloudUnderTest) -> None:
        """A single node shows its current state, as the list does.

        The core reads the single node to see whether a change has taken effect.
        """
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)

        def states() -> tuple[int, int | None]:
            alone = expect(cloud.api.get(f"/nodes/cloud/{quote(node_id, safe='')}"), 200)["nodes"]
            return alone["state"], cloud.state(node_id)

        what = f"node {node_id!r} must have the same new state by itself and in the list"
        cloud.wait_for(states, lambda seen: seen[0] == seen[1] != RUNNING, what)

    @behaviour("C47", "list_nodes")
    def test_ids_that_a_url_changes(self, cloud: CloudUnderTest) -> None:
        """Reboots and power changes take an id unchanged, including URL characters.

        ``? # / % .. ;`` and a space are part of an id, encoded or not. There is no such node. A
        plugin that puts an id into a URL escapes it (``urllib.parse.quote(node_id, safe="")``).
        This is checked for ``reboot_vm``, ``power_off_vm`` and ``power_on_vm``, if the plugin has
        them.
        """
        node_id = cloud.some_node()
        for hook in ("reboot_vm", "power_off_vm", "power_on_vm"):
            if cloud.operations()[hook]["supported"]:
                for strange in cloud.strange(node_id):
                    cloud.takes_none(hook, node_id=strange)
