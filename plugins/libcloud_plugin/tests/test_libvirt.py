"""A real libvirt with its test driver: what a stop removes and what it must keep."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core import (
    CloudError,
    CloudUnreachable,
    Conflict,
    Deadline,
    Node,
    NodeNotFound,
    NodeState,
    PluginError,
    Unsupported,
)
from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings
from orchestrator_libcloud import LibcloudDriver, providers

try:
    import libvirt
except ImportError:
    if os.environ.get("CI"):  # .ci/run installs it.
        raise
    pytest.skip(
        "needs libvirt-python: apt-get install libvirt-dev pkg-config, pip install libvirt-python",
        allow_module_level=True,
    )

Make = Callable[..., LibcloudDriver]

HOST = """<node>
  <domain type='test'><name>owned</name><uuid>{owned}</uuid><memory>65536</memory>
    <os><type>hvm</type></os><devices>
      <disk type='file' device='disk'><source file='/pool/root.img'/><target dev='vda'/></disk>
      <disk type='volume' device='disk'><source pool='images' volume='data.img'/>
        <target dev='vdb'/></disk>
      <disk type='file' device='disk'><source file='/pool/shared.img'/><target dev='vdc'/>
        <shareable/></disk>
      <disk type='file' device='disk'><source file='/pool/base.img'/><target dev='vdd'/></disk>
      <disk type='file' device='cdrom'><source file='/pool/cd.iso'/><target dev='hda'/>
        <readonly/></disk>
      <disk type='file' device='disk'><source file='/elsewhere/x.img'/><target dev='vde'/></disk>
      <disk type='file' device='disk'><source file='/pool/both.img'/><target dev='vdf'/></disk>
    </devices></domain>
  <domain type='test'><name>other</name><uuid>{other}</uuid><memory>65536</memory>
    <os><type>hvm</type></os><devices>
      <disk type='file' device='disk'><source file='/pool/both.img'/><target dev='vda'/></disk>
    </devices></domain>
  <pool type='dir'><name>images</name><target><path>/pool</path></target></pool>
</node>"""
VOLUME = """<volume><name>{}</name><capacity>1024</capacity>
<target><path>/pool/{}</path></target>{}</volume>"""
BACKED = "<backingStore><path>/pool/base.img</path></backingStore>"
VOLUMES = ("root.img", "data.img", "shared.img", "base.img", "cd.iso", "both.img", "over.img")
TRANSIENT = (
    "<domain type='test'><name>{}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
)
OWNED, OTHER = (str(uuid.UUID(int=number)) for number in (1, 2))


@pytest.fixture
def host(tmp_path: Path) -> str:
    """Return the URI of a hypervisor with two running domains; each connection has its own."""
    (tmp_path / "host.xml").write_text(HOST.format(owned=OWNED, other=OTHER))
    return f"test://{tmp_path}/host.xml"


@pytest.fixture
def cloud(make: Make, host: str) -> LibcloudDriver:
    return make(provider="libvirt", key=host)


def connection(cloud: LibcloudDriver) -> Any:
    """Return this thread's connection, with the volumes of :data:`VOLUMES`."""
    with cloud._sessions.driver(Deadline(10)) as driver:
        found = driver.connection
    pool = found.storagePoolLookupByName("images")
    if not pool.listAllVolumes():
        for name in VOLUMES:
            pool.createXML(VOLUME.format(name, name, BACKED if name == "over.img" else ""))
    return found


def names(host: Any) -> set[str]:
    return {domain.name() for domain in host.listAllDomains()}


def volumes(host: Any) -> set[str]:
    return {volume.name() for volume in host.storagePoolLookupByName("images").listAllVolumes()}


def node(cloud: LibcloudDriver, node_id: str = OWNED) -> Node:
    return cloud.get_node(node_id=node_id, deadline=Deadline(10))


def saved(domain: Any) -> None:
    domain.managedSave(0)


def snapshotted(domain: Any) -> None:
    domain.snapshotCreateXML("<domainsnapshot/>", 0)
    domain.destroy()


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda _: None, id="running"),
        pytest.param(lambda domain: domain.destroy(), id="off"),
        pytest.param(lambda domain: domain.suspend(), id="paused"),
        saved,
        snapshotted,
    ],
)
def test_a_stop_removes_the_domain_and_nothing_else(
    cloud: LibcloudDriver, deadline: Deadline, prepare: Callable[[Any], None]
) -> None:
    host = connection(cloud)
    prepare(host.lookupByName("owned"))
    cloud.stop_vm(node_id=OWNED, deadline=deadline)
    assert names(host) == {"other"}
    assert volumes(host) == set(VOLUMES)
    assert [n.id for n in cloud.list_nodes(deadline=deadline)] == [OTHER]
    with pytest.raises(NodeNotFound):
        node(cloud)
    with pytest.raises(NodeNotFound):
        cloud.stop_vm(node_id=OWNED, deadline=deadline)


def test_a_transient_domain_is_gone_with_its_end(cloud: LibcloudDriver, deadline: Deadline) -> None:
    host = connection(cloud)
    made = host.createXML(TRANSIENT.format("passing"), 0).UUIDString()
    cloud.stop_vm(node_id=made, deadline=deadline)
    assert names(host) == {"owned", "other"}


def test_volumes_go_only_where_the_settings_say_so_and_only_the_domains_own(
    make: Make, host: str, deadline: Deadline, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = make(provider="libvirt", key=host, delete_volumes=True)
    there = connection(cloud)
    with caplog.at_level(logging.WARNING):
        cloud.stop_vm(node_id=OWNED, deadline=deadline)
    assert set(VOLUMES) - volumes(there) == {"root.img", "data.img"}
    kept = {r.getMessage() for r in caplog.records if "others use it" in r.getMessage()}
    assert {line.split()[3] for line in kept} == {"base.img", "both.img"}


def refusing(monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    def refuse(*_: Any) -> None:
        error = libvirt.libvirtError("refused")
        error.err = (code, 0, "refused", 2, "", "", "", 0, 0)
        raise error

    monkeypatch.setattr(libvirt.virDomain, name, refuse)


@pytest.mark.parametrize(
    ("code", "error"), [(55, Conflict), (88, CloudError), (3, Unsupported), (1, CloudError)]
)
def test_a_domain_that_may_not_be_undefined_runs_on(
    cloud: LibcloudDriver,
    deadline: Deadline,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    error: type[Exception],
) -> None:
    host = connection(cloud)
    refusing(monkeypatch, "undefineFlags", code)
    refusing(monkeypatch, "undefine", code)
    with pytest.raises(error):
        cloud.stop_vm(node_id=OWNED, deadline=deadline)
    assert node(cloud).state is NodeState.RUNNING
    assert host.lookupByName("owned").isPersistent()


def test_a_domain_that_goes_off_by_itself_meanwhile_is_gone(
    cloud: LibcloudDriver, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = connection(cloud)
    destroy = libvirt.virDomain.destroy

    def late(domain: Any) -> Any:
        destroy(domain)
        return destroy(domain)

    monkeypatch.setattr(libvirt.virDomain, "destroy", late)
    cloud.stop_vm(node_id=OWNED, deadline=deadline)
    assert names(host) == {"other"}


def test_states_and_power(cloud: LibcloudDriver, deadline: Deadline) -> None:
    domain = connection(cloud).lookupByName("owned")
    assert node(cloud).state is NodeState.RUNNING
    domain.suspend()
    assert node(cloud).state is NodeState.PAUSED
    domain.resume()
    cloud.reboot_vm(node_id=OWNED, deadline=deadline)
    cloud.power_off_vm(node_id=OWNED, deadline=deadline)
    assert node(cloud).state is NodeState.STOPPED
    assert {n.id: n.state for n in cloud.list_nodes(deadline=deadline)} == {
        OWNED: NodeState.STOPPED,
        OTHER: NodeState.RUNNING,
    }
    for act in (cloud.power_off_vm, cloud.reboot_vm):
        with pytest.raises(Conflict, match="in its present state"):
            act(node_id=OWNED, deadline=deadline)
    cloud.power_on_vm(node_id=OWNED, deadline=deadline)
    assert node(cloud).state is NodeState.RUNNING
    with pytest.raises(Conflict, match="in its present state"):
        cloud.power_on_vm(node_id=OWNED, deadline=deadline)


@pytest.mark.parametrize("wanted", ["owned", "1", "-1", "", OWNED.replace("-", ""), OWNED + "0"])
def test_only_a_domains_uuid_means_it(
    cloud: LibcloudDriver, deadline: Deadline, wanted: str
) -> None:
    host = connection(cloud)
    with pytest.raises(NodeNotFound):
        cloud.stop_vm(node_id=wanted, deadline=deadline)
    assert names(host) == {"owned", "other"}


def test_a_hypervisor_that_cannot_be_reached_is_named_and_says_nothing_by_itself(
    make: Make, deadline: Deadline, capfd: pytest.CaptureFixture[str]
) -> None:
    for uri in ("qemu+unix:///system?socket=/nowhere/sock", "nonsense:///x"):
        with pytest.raises(CloudUnreachable):
            make(provider="libvirt", key=uri).list_nodes(deadline=deadline)
    with pytest.raises(PluginError, match="requires authentication"):
        make(provider="libvirt", key="qemu+tcp://h.invalid/system").list_nodes(deadline=deadline)
    assert capfd.readouterr().err == ""


def test_a_connection_that_ended_is_not_used_again(
    cloud: LibcloudDriver, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = connection(cloud)
    monkeypatch.setattr(libvirt.virConnect, "isAlive", lambda connection: connection is not first)
    cloud.list_nodes(deadline=deadline)
    assert connection(cloud) is not first


def test_a_package_that_is_missing(
    make: Make, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libcloud.compute.drivers.libvirt_driver.have_libvirt", False)
    assert providers.load("libvirt")
    with pytest.raises(PluginError, match="needs the package libvirt-python"):
        make(provider="libvirt", key="test:///default").list_nodes(deadline=deadline)


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[..., tuple[int, Any]]]:
    """Return a function that sends a request to an API in front of libvirt."""
    file = tmp_path / "orchestrator.toml"
    file.write_text(
        '[clouds.lab]\ndriver = "libcloud"\nprovider = "libvirt"\nkey = "test:///default"\n'
        'destroy = "all"\n'
    )
    app: Any = create_app(load_settings(file, {}))

    async def send(method: str, path: str, body: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, f"/api/v1{path}", json=body, timeout=60)

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        result = asyncio.run(send(method, path, body))
        return result.status_code, result.json()

    # The objects under this URI live as long as one connection of the process.
    kept = libvirt.open("test:///default")
    yield ask
    kept.close()


def test_a_stop_through_the_api_ends(ask: Callable[..., tuple[int, Any]]) -> None:
    host = libvirt.open("test:///default")
    domain = host.defineXML(TRANSIENT.format("web"))
    domain.create()
    wanted = domain.UUIDString()
    status, answer = ask("PUT", "/vm/stop/lab", {"node": wanted})
    assert (status, answer["result"]) == (200, f"Node {wanted} deleted")
    assert "web" not in names(host)
    assert wanted not in {n["id"] for n in ask("GET", "/nodes/lab")[1]["nodes"]}
    host.close()
