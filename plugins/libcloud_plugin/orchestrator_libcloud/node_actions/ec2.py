"""Amazon EC2 and clouds with its API.

Source: Amazon EC2 API Reference: ModifyInstanceAttribute, CreateTags, CreateImage,
GetConsoleOutput.
"""

from __future__ import annotations

import base64
import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

from orchestrator_core import Image, InvalidParameter
from orchestrator_libcloud.node_actions.base import NodeActions, check_stopped


class Ec2Actions(NodeActions):
    """The actions of Amazon EC2.

    * ``ex_change_node_size`` compares the new size with a key of ``extra`` that the driver does
      not set, and Amazon refuses the size of a running instance. Both are checked here.
    * An image is made without a reboot, as Libcloud does by default: a user may be at work.
    * ``ex_get_console_output`` fails if there is no output yet, and if it is not UTF-8.
    """

    def resize(self, driver: Any, node: Any, size: Any) -> bool | None:
        """Set the instance type of a stopped instance."""
        check_stopped(node)
        if node.extra.get("instance_type") == size.id:
            reason = f"is {size.id!r}, which node {node.id} has already"
            raise InvalidParameter("size", reason, nothing_done=True)
        return bool(driver.ex_change_node_size(node, size))

    def rename(self, driver: Any, node: Any, name: str) -> bool | None:
        """Set the tag ``Name``."""
        return bool(driver.ex_create_tags(node, {"Name": name}))

    def create_image(self, driver: Any, node: Any, name: str) -> Image:
        """Make an image of an instance with its volumes, without a reboot."""
        given = {"InstanceId": node.id, "Name": name, "NoReboot": "true"}
        answer = driver.connection.request(driver.path, params={"Action": "CreateImage", **given})
        return Image(_text(answer.object, "imageId"), name)

    def console(self, driver: Any, node: Any) -> str:
        """Return the last 64 KiB of the console, as Amazon has last read them."""
        given = {"Action": "GetConsoleOutput", "InstanceId": node.id}
        answer = driver.connection.request(driver.path, params=given)
        encoded = _text(answer.object, "output")
        return base64.b64decode(encoded).decode(errors="replace")


class NimbusActions(Ec2Actions):
    """The actions of Nimbus, which has neither tags nor instance attributes."""

    reasons: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("resize_vm", "rename_vm", "create_image"), "has no such action"
    )
    resize = NodeActions.resize
    rename = NodeActions.rename
    create_image = NodeActions.create_image


def _text(element: Any, name: str) -> str:
    ec2 = importlib.import_module("libcloud.compute.drivers.ec2")
    xml = importlib.import_module("libcloud.utils.xml")
    return str(xml.findtext(element=element, xpath=name, namespace=ec2.NAMESPACE) or "")
