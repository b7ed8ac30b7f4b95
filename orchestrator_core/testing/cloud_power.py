"""C40 to C49: switching nodes."""

from __future__ import annotations

from orchestrator_core.testing.behaviour import behaviour
from orchestrator_core.testing.cloud_reads import BaseCloudReady
from orchestrator_core.testing.cloud_under_test import (
    RUNNING,
    STOPPED,
    UNKNOWN,
    CloudUnderTest,
)
from orchestrator_core.testing.under_test import expect

_NO = "no-such-thing"


class BaseCloudPower(BaseCloudReady):
    """Rebooting, switching off, switching on."""

    @behaviour("C40", "reboot_vm", "list_nodes")
    def test_reboot(self, cloud: CloudUnderTest) -> None:
        """A reboot leaves the node what it was, and running."""
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/reboot/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)

    @behaviour("C41", "power_off_vm", "list_nodes")
    def test_power_off(self, cloud: CloudUnderTest) -> None:
        """A node that is switched off is stopped, and still there."""
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, STOPPED)

    @behaviour("C42", "power_on_vm", "power_off_vm", "list_nodes")
    def test_power_on(self, cloud: CloudUnderTest) -> None:
        """A node that is switched on again runs."""
        node_id = cloud.some_node()
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, STOPPED)
        expect(cloud.api.put("/vm/action/poweron/cloud", {"node": node_id}), 200)
        cloud.wait_for_state(node_id, RUNNING)

    @behaviour("C43", "reboot_vm")
    def test_reboot_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A reboot of a node that is not there is refused by its name."""
        expect(cloud.api.put("/vm/action/reboot/cloud", {"node": _NO}), 400, _NO)

    @behaviour("C44", "power_off_vm")
    def test_power_off_of_nothing(self, cloud: CloudUnderTest) -> None:
        """Switching a node off that is not there is refused by its name."""
        expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": _NO}), 400, _NO)

    @behaviour("C45", "power_on_vm")
    def test_power_on_of_nothing(self, cloud: CloudUnderTest) -> None:
        """Switching a node on that is not there is refused by its name."""
        expect(cloud.api.put("/vm/action/poweron/cloud", {"node": _NO}), 400, _NO)
