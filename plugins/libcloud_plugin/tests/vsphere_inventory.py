"""A vSphere server on loopback with an inventory from which VMs are cloned.

Source: VMware vSphere Web Services API, ``VirtualMachine.CloneVM_Task``, ``CloneSpec``,
``ViewManager.CreateContainerView``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from vsphere_server import CONTENT, Vsphere

Property = tuple[str, str]
"""The XML type of a value, and the value as XML."""

TEMPLATE: Final = "50110000-0000-0000-0000-000000000001"
CLONE: Final = "50110000-0000-0000-0000-000000000009"


def text(value: str) -> Property:
    return "xsd:string", value


def reference(kind: str, moid: str) -> Property:
    return f'ManagedObjectReference" type="{kind}', moid


def references(*items: tuple[str, str]) -> Property:
    inner = "".join(
        f'<ManagedObjectReference type="{kind}" xsi:type="ManagedObjectReference">{moid}'
        "</ManagedObjectReference>"
        for kind, moid in items
    )
    return "ArrayOfManagedObjectReference", inner


def _datastore(name: str) -> dict[str, Property]:
    info = f"<name>{name}</name><url>u</url><freeSpace>9</freeSpace><maxFileSize>9</maxFileSize>"
    return {"name": text(name), "info": ("DatastoreInfo", info)}


def _network(name: str) -> dict[str, Property]:
    summary = f"<name>{name}</name><accessible>true</accessible><ipPoolName></ipPoolName>"
    return {
        "name": text(name),
        "summary": ("NetworkSummary", summary),
        "host": references(("HostSystem", "host-1")),
    }


_SUMMARY: Final = (
    '<vm type="VirtualMachine">vm-9</vm><runtime><host type="HostSystem">host-1</host>'
    "<connectionState>connected</connectionState><powerState>poweredOn</powerState>"
    "<toolsInstallerMounted>false</toolsInstallerMounted><numMksConnections>0</numMksConnections>"
    "<recordReplayState>inactive</recordReplayState><consolidationNeeded>false"
    "</consolidationNeeded></runtime><guest><ipAddress>10.0.0.9</ipAddress></guest>"
    "<config><name>web</name><template>false</template><vmPathName>[fast] web/web.vmx</vmPathName>"
    f"<memorySizeMB>4096</memorySizeMB><numCpu>2</numCpu><instanceUuid>{CLONE}</instanceUuid>"
    "<guestFullName>Debian</guestFullName></config><storage><committed>1073741824</committed>"
    "<uncommitted>0</uncommitted><unshared>0</unshared><timestamp>2026-01-01T00:00:00Z</timestamp>"
    "</storage><quickStats/><overallStatus>green</overallStatus>"
)

_DATACENTER: Final = reference("Datacenter", "datacenter-1")


def _inventory() -> dict[tuple[str, str], dict[str, Property]]:
    pool = {"resourcePool": reference("ResourcePool", "pool-1")}
    hosts = {"parent": reference("Folder", "group-h1")}
    cluster = {"parent": reference("ClusterComputeResource", "domain-c1")}
    return {
        ("Datacenter", "datacenter-1"): {
            "name": text("lab"),
            "vmFolder": reference("Folder", "group-v1"),
        },
        ("Folder", "group-h1"): {"name": text("host"), "parent": _DATACENTER},
        ("Folder", "group-v1"): {"name": text("vm"), "parent": _DATACENTER},
        ("Folder", "group-v2"): {"name": text("students"), "parent": _DATACENTER},
        ("ClusterComputeResource", "domain-c1"): {"name": text("cluster-1"), **pool, **hosts},
        ("HostSystem", "host-1"): {"name": text("esx-1"), **cluster},
        ("ResourcePool", "pool-1"): {"name": text("Resources")},
        ("ResourcePool", "pool-2"): {"name": text("small")},
        ("Datastore", "datastore-1"): _datastore("slow"),
        ("Datastore", "datastore-2"): _datastore("fast"),
        ("Network", "network-1"): _network("VM Network"),
        ("Network", "network-2"): _network("lab net"),
        ("VirtualMachine", "vm-1"): {
            "network": references(),
            "datastore": references(("Datastore", "datastore-1")),
        },
        ("VirtualMachine", "vm-9"): {"summary": ("VirtualMachineSummary", _SUMMARY)},
    }


@dataclass
class Inventory(Vsphere):
    """A vSphere with one template, ``vm-1``, which it clones to ``vm-9``.

    Attributes:
        objects: the properties of each object, by type and reference.
        clones: the bodies of the requests for a clone.
    """

    objects: dict[tuple[str, str], dict[str, Property]] = field(default_factory=_inventory)
    clones: list[str] = field(default_factory=list)
    views: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def on_createcontainerview(self, body: str) -> tuple[int, str]:
        name = f"view-{len(self.views)}"
        self.views[name] = re.findall(r"<type[^>]*>(?:\w+:)?(\w+)</type>", body)
        return 200, f'<returnval type="ContainerView">{name}</returnval>'

    def on_clonevm_task(self, body: str) -> tuple[int, str]:
        self.clones.append(body)
        return self._begin("poweredOn")

    def on_fetch(self, body: str) -> tuple[int, str]:
        this = re.search(r'<_this[^>]*type="(\w+)"[^>]*>([^<]+)</_this>', body)
        prop = re.search(r"<prop[^>]*>([^<]+)</prop>", body)
        assert this is not None
        assert prop is not None
        found = self._property(this[1], this[2], prop[1])
        if found is None:
            return 200, ""
        kind, value = found
        return 200, f'<returnval xsi:type="{kind}">{value}</returnval>'

    def _property(self, kind: str, moid: str, name: str) -> Property | None:
        if name == "content":
            return "ServiceContent", CONTENT
        if kind == "ContainerView":
            return references(*(one for one in self.objects if one[0] in self.views[moid]))
        if kind == "Task":
            return self._task()["info"]
        return self.objects[(kind, moid)].get(name)

    def _task(self) -> dict[str, Property]:
        kind, info = super()._task()["info"]
        done = '<result xsi:type="ManagedObjectReference" type="VirtualMachine">vm-9</result>'
        is_clone = self.clones and "<state>success</state>" in info
        return {"info": (kind, info.replace("<reason ", f"{done}<reason ") if is_clone else info)}
