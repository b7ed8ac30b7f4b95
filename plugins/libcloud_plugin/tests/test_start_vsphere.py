"""Starts on vSphere: the clone that is asked for, and refusals.

Documentation: VMware vSphere Web Services API, ``VirtualMachine.CloneVM_Task`` and its data types
``VirtualMachineCloneSpec``, ``VirtualMachineRelocateSpec``, ``VirtualMachineConfigSpec``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import trustme
from start_cases import SAMPLES, core, not_taken, start, taken
from vsphere_inventory import CLONE, TEMPLATE, Inventory, references
from vsphere_server import serving

from orchestrator_core import Conflict, Image, InvalidParameter, Size, SizeNotFound
from orchestrator_libcloud import LibcloudDriver

pytest.importorskip("pyVmomi")

Serve = Callable[[], tuple[LibcloudDriver, Inventory]]

THINGS = (Image(TEMPLATE, "debian"), Size("custom-2-4096", "custom-2-4096"))
FULL: dict[str, Any] = {
    "networks": ["lab net"],
    "location": "esx-1",
    "options": {
        "ex_cluster": "cluster-1",
        "ex_datacenter": "lab",
        "ex_datastore": "fast",
        "ex_folder": "students",
        "ex_resource_pool": "small",
    },
}


@pytest.fixture
def serve(
    make: Callable[..., LibcloudDriver],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Serve]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ExitStack() as stack:

        def _serve() -> tuple[LibcloudDriver, Inventory]:
            cloud = Inventory()
            port = stack.enter_context(serving(cloud, authority, "localhost"))
            place = {"host": "localhost", "port": port, "ca_file": str(tmp_path / "ca.pem")}
            plugin = make(provider="vsphere", key="u", secret="env:TEST_SECRET", **place)
            return plugin, cloud

        yield _serve


def leaves(cloud: Inventory) -> dict[str, str]:
    """Return the values of the one request for a clone by their paths."""
    (body,) = cloud.clones
    found: dict[str, str] = {}

    def walk(element: ET.Element, path: str) -> None:
        for child in element:
            name = f"{path}/{child.tag.rpartition('}')[2]}".lstrip("/")
            if len(child):
                walk(child, name)
            else:
                found[name] = child.text or ""

    root = ET.fromstring(body)  # noqa: S314 - made by pyVmomi
    walk(root[-1][0], "")
    return found


def test_the_request_with_every_field(serve: Serve) -> None:
    plugin, cloud = serve()
    assert "start_vm" not in plugin.unsupported()
    assert taken(plugin) == FULL.keys()
    begun = time.monotonic()
    node = start(plugin, FULL, things=THINGS)
    assert time.monotonic() - begun < 8  # Libcloud alone waits for ten seconds
    assert (node.id, node.name, node.private_ips) == (CLONE, "web", ["10.0.0.9"])
    adapter = "spec/config/deviceChange"
    assert leaves(cloud) == {
        "_this": "vm-1",
        "folder": "group-v2",
        "name": "web",
        "spec/location/datastore": "datastore-2",
        "spec/location/pool": "pool-2",
        "spec/location/host": "host-1",
        "spec/template": "false",
        "spec/config/numCPUs": "2",
        "spec/config/memoryMB": "4096",
        f"{adapter}/operation": "add",
        f"{adapter}/device/key": "0",
        f"{adapter}/device/deviceInfo/label": "",
        f"{adapter}/device/deviceInfo/summary": "",
        f"{adapter}/device/backing/deviceName": "lab net",
        f"{adapter}/device/backing/network": "network-2",
        f"{adapter}/device/connectable/startConnected": "true",
        f"{adapter}/device/connectable/allowGuestControl": "true",
        f"{adapter}/device/connectable/connected": "true",
        f"{adapter}/device/wakeOnLanEnabled": "true",
        "spec/powerOn": "true",
    }


def test_a_plain_start_in_a_cluster(serve: Serve) -> None:
    plugin, cloud = serve()
    start(plugin, {"location": "cluster-1"}, things=THINGS)
    found = leaves(cloud)
    assert (found["folder"], found["spec/location/pool"]) == ("group-v1", "pool-1")
    assert found["spec/location/datastore"] == "datastore-1"  # the template's
    assert "spec/location/host" not in found


def test_a_template_stays_in_its_network(serve: Serve) -> None:
    plugin, cloud = serve()
    cloud.objects["VirtualMachine", "vm-1"]["network"] = references(("Network", "network-1"))
    wanted = {"location": "cluster-1", "networks": ["lab net"]}
    with pytest.raises(InvalidParameter, match="attached to VM Network, and its clone") as caught:
        start(plugin, wanted, things=THINGS)
    assert caught.value.field == "networks"
    assert not cloud.clones
    start(plugin, {**wanted, "networks": ["VM Network"]}, things=THINGS)
    assert not any("deviceChange" in path for path in leaves(cloud))


def test_sizes_are_composed(serve: Serve) -> None:
    plugin, _ = serve()
    size = core(plugin).find_size("custom-2-4096")
    assert (size.id, size.cpu, size.ram) == ("custom-2-4096", 2, 4096)


def test_networks_are_listed(serve: Serve) -> None:
    plugin, _ = serve()
    networks = core(plugin).read("list_networks")
    assert [network.id for network in networks] == ["VM Network", "lab net"]
    assert networks[0].extra["hosts"] == ["esx-1"]


def test_a_clone_that_fails_says_why(serve: Serve) -> None:
    plugin, cloud = serve()
    cloud.fault = "TaskInProgress"
    with pytest.raises(Conflict):
        start(plugin, {"location": "cluster-1"}, things=THINGS)


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys()))
def test_a_field_that_is_not_taken(serve: Serve, field: str) -> None:
    plugin, cloud = serve()
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]}, things=THINGS)
    assert caught.value.field == field
    assert not cloud.seen


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({}, "location", "is missing; vSphere needs a cluster or host"),
        ({"location": "elsewhere"}, "location", "HostSystem named 'elsewhere'"),
        ({"options": {"ex_cluster": "x"}}, "options", "ClusterComputeResource or HostSystem"),
        ({"location": "esx-1", "options": {"ex_datacenter": "x"}}, "options", "no Datacenter"),
        ({"location": "esx-1", "options": {"ex_resource_pool": "x"}}, "options", "no Resource"),
        ({"location": "esx-1", "options": {"ex_folder": 7}}, "options", "must be a name"),
        (
            {"location": "esx-1", "networks": ["no such net"]},
            "networks",
            "no Network named 'no such net'",
        ),
        ({"location": "esx-1", "networks": ["lab net", "x"]}, "networks", "at most 1 entry"),
    ],
)
def test_a_value_that_would_be_lost(
    serve: Serve, fields: dict[str, Any], field: str, reason: str
) -> None:
    plugin, cloud = serve()
    with pytest.raises(InvalidParameter, match=reason) as caught:
        start(plugin, fields, things=THINGS)
    assert caught.value.field == field
    assert not cloud.clones


def test_the_size_must_be_composed(serve: Serve) -> None:
    plugin, _ = serve()
    with pytest.raises(SizeNotFound, match="custom-CPUS-MB"):
        core(plugin).find_size("m1.small")
