"""An Azure subscription that makes VMs, for tests of starts."""

from __future__ import annotations

import json
from typing import Any, Final

from any_host import Reply, Request
from refused_parts import NETWORK, azure_error, in_json

GROUP: Final = "/subscriptions/s/resourceGroups/g"
VM: Final = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"
SUBNET: Final = f"{NETWORK}/virtualNetworks/lab/subnets/front"
RULES: Final = f"{NETWORK}/networkSecurityGroups/ssh-only"
OWN_IMAGE: Final = f"{GROUP}/providers/Microsoft.Compute/galleries/lab/images/base"
MANAGED_IMAGE: Final = f"{GROUP}/providers/Microsoft.Compute/images/base"
INTERFACE: Final = f"{NETWORK}/networkInterfaces/web-nic"
SIZE: Final = "Standard_B2s"
IMAGE: Final = "Debian:debian-12:12:latest"

_PROVIDERS: Final = "/subscriptions/s/providers"
_FRONT: Final = {"id": SUBNET, "name": "front", "properties": {"addressPrefix": "10.0.0.0/24"}}
_LAB: Final = {
    "id": f"{NETWORK}/virtualNetworks/lab",
    "name": "lab",
    "location": "westeurope",
    "properties": {"subnets": [_FRONT]},
}
_SIZE: Final = {
    "name": SIZE,
    **dict.fromkeys(("numberOfCores", "osDiskSizeInMB", "maxDataDiskCount"), 2),
    **dict.fromkeys(("memoryInMB", "resourceDiskSizeInMB"), 4096),
}
_ADDRESS: Final = {"ipConfigurations": [{"properties": {"privateIPAddress": "10.0.0.4"}}]}
_PLACES: Final = {"resourceType": "virtualMachines", "locations": ["West Europe", "East US"]}
_CREATING: Final = {"statuses": [{"code": "ProvisioningState/creating"}]}


class Subscription:
    """An Azure subscription with a subnet and a network security group.

    Attributes:
        made: the VMs that it made, by path.
        refusal: the answer to the creation of a VM, if it is not made.
        deletion: the status of the answer to a deletion: accepted, or nothing there any more.
    """

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self.refusal: Reply | None = None
        self.deletion = 202

    def __call__(self, request: Request) -> Reply:
        if request.path.endswith("/oauth2/token"):
            return in_json({"access_token": "t", "expires_on": "4102444800"})
        if request.method == "PUT":
            return self._create(request.path, json.loads(request.body))
        if request.method == "DELETE":
            self.made.pop(request.path, None)
            return Reply(b"", self.deletion)
        answer = self._answers().get(request.path.lower())
        return azure_error("ResourceNotFound", 404) if answer is None else in_json(answer)

    def _answers(self) -> dict[str, Any]:
        compute = f"{_PROVIDERS}/microsoft.compute"
        network = f"{_PROVIDERS}/microsoft.network"
        return {
            f"{network}/virtualnetworks": {"value": [_LAB]},
            f"{network}/networksecuritygroups": {"value": [{"id": RULES, "name": "ssh-only"}]},
            INTERFACE.lower(): {"id": INTERFACE, "name": "web-nic", "properties": _ADDRESS},
            OWN_IMAGE.lower(): {"id": OWN_IMAGE},
            MANAGED_IMAGE.lower(): {"id": MANAGED_IMAGE},
            compute: {"resourceTypes": [_PLACES]},
            f"{compute}/locations/westeurope/vmsizes": {"value": [_SIZE]},
            f"{compute}/virtualmachines": {"value": list(self.made.values())},
            **{f"{path}/instanceview".lower(): _CREATING for path in self.made},
        }

    def _create(self, path: str, body: dict[str, Any]) -> Reply:
        if self.refusal is not None:
            return self.refusal
        properties = body["properties"]
        properties["osProfile"].pop("adminPassword", None)  # Azure does not return it
        (interface,) = properties["networkProfile"].pop("networkInterfaceConfigurations")
        option = {"deleteOption": interface["properties"]["deleteOption"]}
        made = {"networkInterfaces": [{"id": INTERFACE, "properties": option}]}
        properties |= {"networkProfile": made, "provisioningState": "Creating"}
        self.made[path] = body
        return in_json(self.made[path], 201)
