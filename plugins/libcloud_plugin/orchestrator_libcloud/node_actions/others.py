"""Providers of which Libcloud offers one or two of these actions.

Source: the API references of Apache CloudStack (scaleVirtualMachine), DigitalOcean (droplet
actions), Linode (linode-instances, images), Vultr (instances), Azure (virtual-machines/update),
gridscale (servers), Outscale (UpdateVm, CreateImage, ReadConsoleOutput) and UpCloud (server).
"""

from __future__ import annotations

import base64
import importlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator_core import Conflict, Image
from orchestrator_libcloud.changes.actions import call_outscale
from orchestrator_libcloud.node_actions.base import NodeActions, check_stopped, marked_name


class CloudStackActions(NodeActions):
    """The actions of CloudStack and its like."""

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set the service offering, and wait for CloudStack's job.

        ``ex_change_node_size`` fails afterwards: it reads a VM from an answer that has none.
        """
        wanted = {"id": node.id, "serviceofferingid": size.id}
        driver._async_request(  # noqa: SLF001
            command="scaleVirtualMachine", params=wanted, method="GET"
        )
        return True


class DigitalOceanActions(NodeActions):
    """The actions of DigitalOcean, which carries them out after it has accepted them."""

    reasons: ClassVar[Mapping[str, str]] = {
        "create_image": "does not tell the id of a new snapshot"
    }

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set CPU and memory of a droplet that is off; its disk stays as it is."""
        check_stopped(node)
        return bool(driver.ex_resize_node(node, size))

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Set the name."""
        return bool(driver.ex_rename_node(node, name))


class LinodeActions(NodeActions):
    """The actions of Linode's API 4."""

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set the type; Linode shuts the node down, moves it and boots it again."""
        return bool(driver.ex_resize_node(node, size))

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Set the label."""
        driver.ex_rename_node(node, name)
        return True

    def create_image(self, driver: Any, node: Any, name: str) -> Image:
        """Make an image of the only disk that is not for swap.

        Raises:
            Conflict: the node has no such disk, or several.
        """
        disks = [disk for disk in driver.ex_list_disks(node) if disk.filesystem != "swap"]
        if len(disks) != 1:
            raise Conflict(
                f"Linode makes images of disks, and node {node.id} has {len(disks)}",
                nothing_done=True,
            )
        data = json.dumps({"disk_id": int(disks[0].id), "label": name})
        # The driver's own method reads dates from the answer, and fails after the image was made.
        answer = driver.connection.request("/v4/images", data=data, method="POST")
        return Image(str(answer.object["id"]), name)


class VultrActions(NodeActions):
    """The actions of Vultr's API 2."""

    reasons: ClassVar[Mapping[str, str]] = {"create_image": "does not list its snapshots as images"}

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set the plan."""
        driver.ex_resize_node(node, size)
        return True

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Set the label, for which the driver has no method."""
        data = json.dumps({"label": name})
        driver.connection.request(f"/v2/instances/{node.id}", data=data, method="PATCH")
        return True


class AzureActions(NodeActions):
    """The actions of Azure."""

    reasons: ClassVar[Mapping[str, str]] = {"rename_vm": "cannot rename a VM"}

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set the size; ``ex_resize_node`` calls an action that Azure's API does not have."""
        module = importlib.import_module("libcloud.compute.drivers.azure_arm")
        driver.connection.request(
            node.id,
            params={"api-version": module.VM_API_VERSION},
            data={"properties": {"hardwareProfile": {"vmSize": size.id}}},
            method="PATCH",
        )
        return True


class GridscaleActions(NodeActions):
    """The actions of gridscale."""

    reasons: ClassVar[Mapping[str, str]] = {
        "create_image": "takes several steps for it, of which some may remain"
    }

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Set the name."""
        return bool(driver.ex_rename_node(node, name))


class OutscaleActions(NodeActions):
    """The actions of Outscale's own API, whose driver returns refusals as values."""

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set the type of a stopped VM; ``ex_update_node`` would set other attributes too."""
        check_stopped(node)
        call_outscale(driver, "UpdateVm", VmId=node.id, VmType=size.id)
        return True

    def create_image(self, driver: Any, node: Any, name: str) -> Image:
        """Make an image without a reboot."""
        answer = call_outscale(driver, "CreateImage", VmId=node.id, ImageName=name, NoReboot=True)
        return Image(str(answer["Image"]["ImageId"]), name)

    def console(self, driver: Any, node: Any) -> str:
        """Return the last 64 KiB of the console, which the driver leaves in base64."""
        answer = call_outscale(driver, "ReadConsoleOutput", VmId=node.id)
        return base64.b64decode(answer.get("ConsoleOutput") or "").decode(errors="replace")


class UpCloudActions(NodeActions):
    """The actions of UpCloud, whose titles carry the marker."""

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Set the title, for which the driver has no method."""
        data = json.dumps({"server": {"title": marked_name(driver, node, name)}})
        driver.connection.request(f"1.2/server/{node.id}", data=data, method="PUT")
        return True
