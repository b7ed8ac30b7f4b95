"""Providers that refuse one part of a list: Azure, Google, UpCloud, vCloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from any_host import Reply, Request

SUBSCRIPTION = "/subscriptions/s"
NETWORK = f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network"
PROJECT = "https://www.googleapis.com/compute/v1/projects/p"
ZONE = f"{PROJECT}/zones/europe-west1-b"
REGION = f"{PROJECT}/regions/europe-west1"
JSON = (("Content-Type", "application/json"),)

Refuse = Callable[[Request], Reply | None]


def in_json(value: Any, status: int = 200, *headers: tuple[str, str]) -> Reply:
    return Reply(json.dumps(value).encode(), status, (*JSON, *headers))


def page_of_a_proxy(status: int) -> Reply:
    return Reply(b"<html><h1>Bad Gateway</h1></html>", status, (("Content-Type", "text/html"),))


@dataclass
class Azure:
    """An Azure account with two VMs, each with a NIC and a public address.

    Attributes:
        refuse: answers a request before any other handler.
        nics: the contents of a VM's NIC, by the VM's number.
        odd: further fields of the first VM; an Ellipsis removes a field.
    """

    refuse: Refuse = lambda _: None
    odd: dict[str, Any] = field(default_factory=dict)
    nics: dict[str, dict[str, Any]] = field(default_factory=dict)
    without_profile: bool = False
    seen: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        path = request.path
        self.seen.append(path)
        refused = self.refuse(request)
        if refused is not None:
            return refused
        number = path.rstrip("/")[-1]
        if path.endswith("/oauth2/token"):
            return in_json({"access_token": "t", "expires_on": "4102444800"})
        if path.endswith("/virtualMachines"):
            return in_json({"value": [self._machine("1"), self._machine("2")]})
        if "/networkInterfaces/" in path:
            return in_json({"id": path, "name": "n", "properties": self._nic(number)})
        if "/publicIPAddresses/" in path:
            address = {"ipAddress": f"198.51.100.{number}"}
            return in_json({"id": path, "name": "ip", "properties": address})
        assert path.endswith("/InstanceView"), path
        return in_json({"statuses": [{"code": "PowerState/running"}]})

    def _machine(self, number: str) -> dict[str, Any]:
        nic = {"id": f"{NETWORK}/networkInterfaces/nic{number}"}
        profile = {"networkProfile": {"networkInterfaces": [nic]}}
        without = self.without_profile and number == "2"
        base = f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines"
        properties = {} if without else profile
        machine: dict[str, Any] = {
            "id": f"{base}/vm{number}",
            "name": f"vm{number}",
            "properties": properties,
        }
        machine |= self.odd if number == "1" else {}
        return {name: value for name, value in machine.items() if value is not ...}

    def _nic(self, number: str) -> dict[str, Any]:
        public = {"id": f"{NETWORK}/publicIPAddresses/ip{number}"}
        one = {"privateIPAddress": f"10.0.0.{number}", "publicIPAddress": public}
        return self.nics.get(number, {"ipConfigurations": [{"properties": one}]})


def azure_error(code: str, status: int, *headers: tuple[str, str]) -> Reply:
    return in_json({"error": {"code": code, "message": code}}, status, *headers)


@dataclass
class Google:
    """Two running instances of Google, whose boot disks are in the list of disks by default.

    Attributes:
        disks: the aggregated list of disks.
        instances: the instances of the only zone.
        warning: the warning beside the instances.
    """

    disks: dict[str, Any] = field(default_factory=lambda: {"zones/europe-west1-b": both_disks()})
    instances: list[dict[str, Any]] = field(default_factory=lambda: [instance(1), instance(2)])
    warning: dict[str, Any] = field(default_factory=dict)
    refuse: Refuse = lambda _: None
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        self.seen.append((request.method, request.path))
        refused = self.refuse(request)
        if refused is not None:
            return refused
        path = request.path.removeprefix("/compute/v1/projects/p")
        zone = {"id": "1", "name": "europe-west1-b", "status": "UP", "selfLink": ZONE}
        answers: dict[str, Any] = {
            "/zones": {"items": [zone]},
            "/aggregated/disks": {"items": self.disks},
            "/aggregated/instances": {
                "items": {"zones/europe-west1-b": {"instances": self.instances, **self.warning}}
            },
        }
        if request.method == "DELETE":
            self.instances = [one for one in self.instances if not path.endswith(one["name"])]
            return in_json(_OPERATION)
        if "/operations/" in path:
            return in_json(_OPERATION)
        if path.startswith("/zones/europe-west1-b/instances/"):
            return in_json(next(one for one in self.instances if path.endswith(one["name"])))
        return in_json(answers[path]) if path in answers else google_error("notFound", 404)


_OPERATION = {"name": "op", "status": "DONE", "selfLink": f"{ZONE}/operations/op", "zone": ZONE}


def google_error(reason: str, status: int) -> Reply:
    error = {"errors": [{"reason": reason, "message": "m"}], "code": status, "message": "m"}
    return in_json({"error": error}, status)


def instance(number: int, place: str = ZONE, **more: Any) -> dict[str, Any]:
    disk = {"boot": True, "type": "PERSISTENT", "source": f"{place}/disks/d{number}"}
    return {
        "id": str(number),
        "name": f"vm-{number}",
        "status": "RUNNING",
        "zone": ZONE,
        "machineType": f"{ZONE}/machineTypes/e2-micro",
        "tags": {"fingerprint": "x"},
        "disks": [disk],
        "networkInterfaces": [{"networkIP": f"10.0.0.{number}"}],
        **more,
    }


def disk(number: int, **where: Any) -> dict[str, Any]:
    source = f"{PROJECT}/global/images/debian-{number}"
    return {
        "id": f"7{number}",
        "name": f"d{number}",
        "sizeGb": "10",
        "sourceImage": source,
        **where,
    }


def both_disks() -> dict[str, Any]:
    return {"disks": [disk(1, zone=ZONE), disk(2, zone=ZONE)]}
