"""C40 to C49: switching nodes."""

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
    """Rebooting, switching off, switching on."""

    @behaviour("C40", "reboot_vm", "list_nodes")
    def test_reboot(self, cloud: CloudUnderTest) -> None:
        """A reboot leaves the node what it was, and running.

        It keeps its id: a node that is made anew is another one.
        """
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/reboot/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)

    @behaviour("C41", "power_off_vm", "list_nodes")
    def test_power_off(self, cloud: CloudUnderTest) -> None:
        """A node that is switched off is stopped and still there, and no other is.

        Suspended or paused is something else, and destroyed is for ever.
        """
        other = cloud.some_node()
        node_id = cloud.some_node(other)
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, STOPPED)
        cloud.wait_for_state(other, RUNNING, UNKNOWN)

    @behaviour("C42", "power_on_vm", "power_off_vm", "list_nodes")
    def test_power_on(self, cloud: CloudUnderTest) -> None:
        """A node that is switched on again runs.

        Out of whichever state it was switched off to.
        """
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, STOPPED, SUSPENDED, PAUSED, ERROR)
        expect(cloud.api.put("/vm/action/poweron/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, RUNNING)

    @behaviour("C43", "reboot_vm")
    def test_reboot_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A reboot of a node that is not there is refused by its name.

        ``NodeNotFound`` it must be, as for a stop.
        """
        cloud.has_none("reboot_vm", _NO)

    @behaviour("C44", "power_off_vm")
    def test_power_off_of_nothing(self, cloud: CloudUnderTest) -> None:
        """Switching a node off that is not there is refused by its name.

        ``NodeNotFound`` it must be, as for a stop.
        """
        cloud.has_none("power_off_vm", _NO)

    @behaviour("C45", "power_on_vm")
    def test_power_on_of_nothing(self, cloud: CloudUnderTest) -> None:
        """Switching a node on that is not there is refused by its name.

        ``NodeNotFound`` it must be, as for a stop.
        """
        cloud.has_none("power_on_vm", _NO)

    @behaviour("C46", "get_node", "power_off_vm", "list_nodes")
    def test_the_state_of_one_node(self, cloud: CloudUnderTest) -> None:
        """A node alone shows the state that it has now, as the list does.

        The core asks for the one node to see whether a change has come about.
        """
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)

        def states() -> tuple[int, int | None]:
            alone = expect(cloud.api.get(f"/nodes/cloud/{quote(node_id, safe='')}"), 200)["nodes"]
            return alone["state"], cloud.state(node_id)

        what = f"node {node_id!r} was to show the same new state alone and in the list"
        cloud.wait_for(states, lambda seen: seen[0] == seen[1] != RUNNING, what)

    @behaviour("C47", "list_nodes")
    def test_ids_that_a_url_changes(self, cloud: CloudUnderTest) -> None:
        """A reboot or a switch takes an id as it is, with all that a URL gives a meaning to.

        ``? # / % .. ;`` and a space in an id are part of it, encoded or not: there is no such node.
        A plugin that puts an id into a URL escapes it (``urllib.parse.quote(node_id, safe="")``).
        Asked of ``reboot_vm``, ``power_off_vm`` and ``power_on_vm``, where it has them.
        """
        node_id = cloud.some_node()
        for hook in ("reboot_vm", "power_off_vm", "power_on_vm"):
            if cloud.operations()[hook]["supported"]:
                for strange in cloud.strange(node_id):
                    cloud.takes_none(hook, node_id=strange)
