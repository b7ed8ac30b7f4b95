"""Google Compute Engine.

Source: Compute Engine API: instances.setMachineType, images.insert,
instances.getSerialPortOutput.
"""

from __future__ import annotations

from typing import Any

from orchestrator_core import Conflict, Image
from orchestrator_libcloud.node_actions.base import NodeActions, check_stopped


class GoogleActions(NodeActions):
    """The actions of Google Compute Engine.

    * ``ex_set_machine_type`` takes the name of the type; Google refuses it for a running instance.
    * ``ex_create_image`` returns an existing image of the same name instead of making one, and
      needs an object of the disk.
    """

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set the machine type of a stopped instance."""
        check_stopped(node)
        return bool(driver.ex_set_machine_type(node, size.name))

    def create_image(self, driver: Any, node: Any, name: str) -> Image:
        """Make an image of the boot disk.

        Raises:
            Conflict: the instance has no boot disk.
        """
        disks = [disk["source"] for disk in node.extra.get("disks", ()) if disk.get("boot")]
        if not disks:
            raise Conflict(f"Node {node.id} has no boot disk to make an image of")
        wanted = {"name": name, "sourceDisk": disks[0]}
        answer = driver.connection.request("/global/images", method="POST", data=wanted)
        return Image(str(answer.object["targetId"]), name)

    def console(self, driver: Any, node: Any) -> str:
        """Return the last MiB of the first serial port."""
        return str(driver.ex_get_serial_output(node))
