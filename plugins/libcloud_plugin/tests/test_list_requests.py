"""Lists that the plugin requests itself: real drivers against providers on loopback."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable
from typing import Any

import pytest
import refused_parts
from any_host import Reply, Request

from orchestrator_core import CloudError, Deadline, Node
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]


def listed(driver: LibcloudDriver) -> dict[str, Node]:
    return {node.id: node for node in driver.list_nodes(deadline=Deadline(20))}


def in_xml(text: str, status: int = 200, *headers: tuple[str, str]) -> Reply:
    return Reply(text.encode(), status, (("Content-Type", "text/xml"), *headers))


def test_gandi_shows_the_addresses_of_all_interfaces(served: Served) -> None:
    machine = {"hostname": "n", "state": "running"}
    answers: dict[str, Any] = {
        "hosting.vm.list": [
            {"id": 1, "ifaces_id": [7, 8], **machine},
            {"id": 2, "ifaces_id": [], **machine},
        ],
        "hosting.ip.list": [
            {"iface_id": 7, "ip": "95.1.2.3"},
            {"iface_id": 8, "ip": "192.168.0.2"},
            {"iface_id": 8, "ip": "2001:4b98::1"},
            {"iface_id": 9, "ip": "95.1.2.4"},
        ],
    }

    def answer(request: Request) -> Reply:
        name = xmlrpc.client.loads(request.body)[1]
        return in_xml(xmlrpc.client.dumps((answers[str(name)],), methodresponse=True))

    nodes = listed(served("gandi", answer))
    assert nodes["1"].public_ips == ["95.1.2.3", "2001:4b98::1"]
    assert nodes["1"].private_ips == ["192.168.0.2"]
    assert nodes["2"].public_ips == []


def _kamatera(details: Reply) -> Callable[[Request], Reply]:
    short = [{"id": n, "name": n, "power": "on", "datacenter": "IL"} for n in ("a", "b")]
    return lambda r: refused_parts.in_json(short) if r.path.endswith("/servers") else details


def test_kamatera_shows_addresses(served: Served) -> None:
    networks = [
        {"network": "wan-il", "ips": ["45.1.2.3"]},
        {"network": "7-vlan", "ips": ["10.0.0.1"]},
    ]
    more = {"id": "a", "name": "a", "power": "on", "datacenter": "IL", "billing": "hourly"}
    details = refused_parts.in_json([{**more, "networks": networks}])
    nodes = listed(served("kamatera", _kamatera(details)))
    assert (nodes["a"].public_ips, nodes["a"].private_ips) == (["45.1.2.3"], ["10.0.0.1"])
    # A server that the second list lacks is shown as in the first.
    assert nodes.keys() == {"a", "b"}


def test_kamatera_without_details_is_an_error(served: Served) -> None:
    with pytest.raises(CloudError):
        listed(served("kamatera", _kamatera(refused_parts.in_json({"errors": []}, 503))))


_DOCUMENT = "<COMPUTE><ID>{0}</ID><NAME>n{0}</NAME><STATE>ACTIVE</STATE></COMPUTE>"


def _opennebula(second: Reply) -> Callable[[Request], Reply]:
    collection = "".join(f'<COMPUTE href="http://o/compute/{n}" name="vm-{n}"/>' for n in (1, 2))

    def answer(request: Request) -> Reply:
        if request.path == "/compute":
            return in_xml(f"<COMPUTE_COLLECTION>{collection}</COMPUTE_COLLECTION>")
        if request.path == "/compute/2":
            return second
        return in_xml(_DOCUMENT.format(1)) if "/compute/" in request.path else in_xml("<A/>")

    return answer


_NEBULA: dict[str, Any] = {"host": "one.invalid", "secure": True}


def test_opennebula_shows_a_vm_that_is_gone_meanwhile_by_its_name(served: Served) -> None:
    nodes = listed(served("opennebula", _opennebula(in_xml("gone", 404)), **_NEBULA))
    shown = [(node.id, node.name, node.state.value) for node in nodes.values()]
    assert shown == [("1", "n1", "running"), ("2", "vm-2", "unknown")]


def test_opennebula_a_vm_that_is_refused_is_an_error(served: Served) -> None:
    with pytest.raises(CloudError):
        listed(served("opennebula", _opennebula(in_xml("later", 503)), **_NEBULA))


_VCLOUD = 'xmlns="http://www.vmware.com/vcloud/v1.5"'
_TYPE = "application/vnd.vmware.vcloud"
_BASE = "https://vcloud.invalid/api"


class _VCloud:
    """One data centre with two vApps, the second without a name; then two data centres."""

    def __init__(self, second: Reply) -> None:
        self.centres = ["1"]
        self._second = second

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/api/")
        if path == "sessions":
            link = f'<Link type="{_TYPE}.orgList+xml" href="{_BASE}/org"/>'
            token = ("x-vcloud-authorization", "t")
            return in_xml(f'<Session {_VCLOUD} org="o">{link}</Session>', 200, token)
        if path == "org":
            return in_xml(f'<OrgList {_VCLOUD}><Org name="o" href="{_BASE}/org/o"/></OrgList>')
        if path == "org/o":
            links = "".join(
                f'<Link type="{_TYPE}.vdc+xml" href="{_BASE}/vdc/{n}"/>' for n in self.centres
            )
            return in_xml(f"<Org {_VCLOUD}>{links}</Org>")
        if path.startswith("vdc/"):
            return in_xml(self._centre(path[4:]))
        return self._second if path.endswith("/vapp-1b") else in_xml(self._vapp(path))

    @staticmethod
    def _centre(number: str) -> str:
        entity = f'<ResourceEntity type="{_TYPE}.vApp+xml" href="{_BASE}/vApp/vapp-{number}'
        entities = f'{entity}a" name="a"/>{entity}b"/>'
        return (
            f'<Vdc {_VCLOUD} href="{_BASE}/vdc/{number}" name="v">'
            f"<ResourceEntities>{entities}</ResourceEntities></Vdc>"
        )

    @staticmethod
    def _vapp(path: str) -> str:
        centre = f'<Link type="{_TYPE}.vdc+xml" href="{_BASE}/vdc/{path[-2]}"/>'
        return f'<VApp {_VCLOUD} href="{_BASE}/{path}" name="a" status="4">{centre}</VApp>'


def _vcloud_error(status: int) -> Reply:
    return in_xml(f'<Error {_VCLOUD} majorErrorCode="{status}" message="m"/>', status)


def _vcloud(served: Served, cloud: _VCloud) -> LibcloudDriver:
    return served("vcloud", cloud, host="vcloud.invalid", arguments={"api_version": "1.5"})


@pytest.mark.parametrize("status", [403, 404])
def test_vcloud_shows_a_vapp_that_may_not_be_read(served: Served, status: int) -> None:
    nodes = listed(_vcloud(served, _VCloud(_vcloud_error(status))))
    shown = {node_id.rpartition("/")[2]: node.state.value for node_id, node in nodes.items()}
    assert shown == {"vapp-1a": "running", "vapp-1b": "unknown"}


@pytest.mark.parametrize("reply", [_vcloud_error(503), refused_parts.page_of_a_proxy(403)])
def test_vcloud_a_vapp_that_is_refused_is_an_error(served: Served, reply: Reply) -> None:
    with pytest.raises(CloudError):
        listed(_vcloud(served, _VCloud(reply)))


def test_vcloud_sees_a_data_centre_that_was_made_later(served: Served) -> None:
    cloud = _VCloud(_vcloud_error(403))
    driver = _vcloud(served, cloud)
    assert len(listed(driver)) == 2
    cloud.centres = ["1", "2"]
    assert len(listed(driver)) == 4


@pytest.mark.filterwarnings("ignore:Kubernetes has its own CA")
@pytest.mark.parametrize("status", [200, 202, 204, 403, 404, 503])
def test_kubevirt_a_namespace_that_is_refused_is_an_error(served: Served, status: int) -> None:
    names = [{"metadata": {"name": name, "uid": name}} for name in ("a", "b")]

    def answer(request: Request) -> Reply:
        if request.path.endswith("/namespaces"):
            return refused_parts.in_json({"items": names})
        refused = "/namespaces/b/" in request.path
        return refused_parts.in_json({"items": []}, status if refused else 200)

    driver = served("kubevirt", answer, host="kube.invalid")
    if status == 200:
        assert listed(driver) == {}
        return
    with pytest.raises(CloudError):
        listed(driver)
