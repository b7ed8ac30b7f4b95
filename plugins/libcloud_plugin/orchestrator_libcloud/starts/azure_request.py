"""The parts of a request for an Azure VM that Libcloud does not know."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_core import StartRequest, Volume

_NETWORK_VERSION: Final = "2022-11-01"
_SUFFIX: Final = 8
_NO_LIMIT: Final = -1
"""The maximum price of a spot VM that is not evicted for its price."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The parts of a request for a VM that Libcloud does not know.

    Attributes:
        subnet: the id of the subnet.
        id: the place of an interface's id, which Libcloud reads.
    """

    request: StartRequest
    subnet: str
    id: str = ""

    def complete(self, body: dict[str, Any]) -> None:
        """Add to Libcloud's body of the request."""
        request, properties = self.request, body["properties"]
        properties["networkProfile"] = {
            "networkApiVersion": _NETWORK_VERSION,
            "networkInterfaceConfigurations": [self._interface(body["name"])],
        }
        _complete_access(properties["osProfile"], request)
        if request.volumes:
            disks = [_data_disk(lun, volume) for lun, volume in enumerate(request.volumes)]
            properties["storageProfile"]["dataDisks"] = disks
        if request.spot is not None:
            price = request.spot.max_price
            properties["priority"] = "Spot"
            properties["evictionPolicy"] = "Deallocate"
            properties["billingProfile"] = {"maxPrice": _NO_LIMIT if price is None else price}

    def _interface(self, vm: str) -> dict[str, Any]:
        # An interface or address that an earlier VM of this name has left must not be changed.
        own = self.request.marker or secrets.token_hex(_SUFFIX)
        suffix = own[-_SUFFIX:]
        address: dict[str, Any] = {"primary": True, "subnet": {"id": self.subnet}}
        if self.request.public_ip:
            address["publicIPAddressConfiguration"] = {
                "name": f"{vm}-ip-{suffix}",
                "sku": {"name": "Standard", "tier": "Regional"},
                "properties": {"publicIPAllocationMethod": "Static", "deleteOption": "Delete"},
            }
        properties: dict[str, Any] = {
            "primary": True,
            "deleteOption": "Delete",
            "ipConfigurations": [{"name": f"{vm}-config", "properties": address}],
        }
        if self.request.firewalls:
            properties["networkSecurityGroup"] = {"id": self.request.firewalls[0]}
        return {"name": f"{vm}-nic-{suffix}", "properties": properties}


def _complete_access(profile: dict[str, Any], request: StartRequest) -> None:
    """Add custom data, encoded once, and all keys; Libcloud takes one key and fails to encode."""
    if request.user_data is not None:
        profile["customData"] = base64.b64encode(request.user_data.encode()).decode()
    linux = profile["linuxConfiguration"]
    linux["disablePasswordAuthentication"] = bool(request.ssh_keys)
    if request.ssh_keys:
        del profile["adminPassword"]  # Libcloud's own, which it does not tell
        path = linux["ssh"]["publicKeys"][0]["path"]
        linux["ssh"]["publicKeys"] = [{"path": path, "keyData": key} for key in request.ssh_keys]


def _data_disk(lun: int, volume: Volume) -> dict[str, Any]:
    if volume.id is not None:
        attached = {"managedDisk": {"id": volume.id}, "deleteOption": "Detach"}
        return {"lun": lun, "createOption": "Attach", **attached}
    kind = {} if volume.type is None else {"managedDisk": {"storageAccountType": volume.type}}
    option = "Detach" if volume.keep else "Delete"
    new = {"diskSizeGB": volume.size, **kind, "deleteOption": option}
    return {"lun": lun, "createOption": "Empty", **new}
