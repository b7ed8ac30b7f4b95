"""OpenStack's driver with scripted answers of Nova and Glance."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from libcloud.common import exceptions

from orchestrator_core import (
    Deadline,
    Image,
    ImageFilter,
    InvalidParameter,
    NodeNotFound,
    NodeState,
    Size,
    StartRequest,
)
from orchestrator_libcloud import LibcloudDriver

ID = "0a1b2c3d-0000-4000-8000-000000000001"
MARKER = f"0123456789ab-{'d' * 32}"
PASSWORD = "nova-made-this"
TASK = "OS-EXT-STS:task_state"


class Nova:
    """A stand-in for the driver's connections; it answers from memory."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self.server: dict[str, Any] = {
            "id": ID,
            "name": "web",
            "status": "ACTIVE",
            "addresses": {"net": [{"addr": "10.0.0.5"}, {"addr": "203.0.113.9"}]},
            "hostId": "",
            "tenant_id": "t",
            "links": [{"rel": "self", "href": "http://h.invalid/servers/x"}],
            "metadata": {},
            "created": "2026-11-01T12:00:00Z",
            "updated": "2026-11-01T12:00:00Z",
        }

    def get_service_name(self) -> str:
        return "nova"

    def request(self, path: str, method: str = "GET", data: Any = None, **_: Any) -> Any:
        self.sent.append((method, path, data))
        if (method, path) == ("POST", "/servers"):
            self.server["metadata"] = data["server"]["metadata"]
            return self._answer({"server": {"id": ID, "adminPass": PASSWORD}}, 202)
        if method == "DELETE" or path.endswith("/action"):
            return self._answer(None, 202)
        if path == f"/servers/{ID}":
            return self._answer({"server": dict(self.server)})
        if path == "/servers/detail":
            return self._answer({"servers": [dict(self.server)]})
        if path == "/flavors/detail":
            return self._answer({"flavors": [_FLAVOR]})
        if path == "/v2/images":
            return self._answer({"images": [_image("active"), _image("queued")]})
        error: Any = exceptions.BaseHTTPError
        raise error(404, "404 Not Found")

    @staticmethod
    def _answer(value: Any, status: int = 200) -> Any:
        return SimpleNamespace(object=value, status=status)


_FLAVOR = {"id": "1", "name": "m1.tiny", "ram": 512, "disk": 1, "vcpus": 1, "swap": ""}


def _image(status: str) -> dict[str, Any]:
    return {
        "id": status,
        "name": status,
        "status": status,
        "updated_at": "2026-11-01T12:00:00Z",
        "created_at": "2026-11-01T12:00:00Z",
        "min_disk": 0,
        "min_ram": 0,
    }


@pytest.fixture
def nova() -> Nova:
    return Nova()


@pytest.fixture
def cloud(
    make: Callable[..., LibcloudDriver],
    nova: Nova,
    deadline: Deadline,
    monkeypatch: pytest.MonkeyPatch,
) -> LibcloudDriver:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    driver = make(
        provider="openstack",
        key="user",
        secret="env:TEST_PASSWORD",
        arguments={"ex_force_auth_url": "http://keystone.invalid:5000"},
    )
    with driver._sessions.driver(deadline) as session:
        session.connection = session.image_connection = nova
    return driver


def test_what_it_is(cloud: LibcloudDriver) -> None:
    described = cloud.describe()
    # The class that the settings name has no type; the class that it makes has one.
    assert (described.provider, described.display_name) == ("openstack", "OpenStack")
    assert described.host == "keystone.invalid"


def test_lists(cloud: LibcloudDriver, deadline: Deadline) -> None:
    (size,) = cloud.list_sizes(deadline=deadline)
    assert (size.id, size.ram, size.disk, size.cpu) == ("1", 512, 1, 1)
    assert [image.id for image in cloud.list_images(filters=ImageFilter(), deadline=deadline)] == [
        "active"
    ]
    (node,) = cloud.list_nodes(deadline=deadline)
    assert (node.public_ips, node.private_ips) == (["203.0.113.9"], ["10.0.0.5"])
    assert node.extra["created"] == "2026-11-01T12:00:00Z"
    assert node.secrets == {}
    cloud.check(deadline=deadline)


def test_start_hands_on_everything_and_tells_the_password_once(
    cloud: LibcloudDriver, nova: Nova, deadline: Deadline
) -> None:
    request = StartRequest(
        name="web",
        image=Image("active", "i"),
        size=Size("1", "s"),
        keyname="ada",
        metadata={"team": "physics"},
        marker=MARKER,
    )
    node = cloud.start_vm(request=request, deadline=deadline)
    _, _, sent = nova.sent[0]
    assert sent["server"]["key_name"] == "ada"
    assert (sent["server"]["imageRef"], sent["server"]["flavorRef"]) == ("active", "1")
    assert sent["server"]["metadata"] == {"team": "physics", "orchestrator-marker": MARKER}
    assert node.secrets == {"password": PASSWORD}
    assert "password" not in node.extra
    assert node.extra["metadata"] == {"team": "physics"}

    nova.server["adminPass"] = PASSWORD  # logged again, by other code
    found = cloud.find_node(marker=MARKER, deadline=deadline)
    got = cloud.get_node(node_id=ID, deadline=deadline)
    (listed,) = cloud.list_nodes(deadline=deadline)
    assert found.id == ID
    assert found.secrets == got.secrets == listed.secrets == {}
    for seen in (node, found, got, listed):
        assert seen.marker == MARKER
        assert MARKER not in json.dumps([seen.name, seen.extra])
        assert PASSWORD not in json.dumps(seen.extra)
    with pytest.raises(NodeNotFound):
        cloud.find_node(marker=f"{MARKER[:-1]}e", deadline=deadline)


def test_metadata_must_be_text(cloud: LibcloudDriver, nova: Nova, deadline: Deadline) -> None:
    request = StartRequest("web", Image("active", "i"), Size("1", "s"), metadata={"n": 1})
    with pytest.raises(InvalidParameter, match="'n' must be text"):
        cloud.start_vm(request=request, deadline=deadline)
    assert nova.sent == []


@pytest.mark.parametrize(
    ("server", "state"),
    [
        ({"status": "ACTIVE"}, NodeState.RUNNING),
        ({"status": "PAUSED"}, NodeState.PAUSED),
        ({"status": "RESCUE"}, NodeState.RECONFIGURING),
        ({"status": "VERIFY_RESIZE"}, NodeState.RECONFIGURING),
        ({"status": "SHELVED_OFFLOADED"}, NodeState.STOPPED),
        ({"status": "ACTIVE", TASK: "powering-off"}, NodeState.STOPPING),
        ({"status": "SHUTOFF", TASK: "powering-on"}, NodeState.STARTING),
        ({"status": "ACTIVE", TASK: "deleting"}, NodeState.TERMINATING),
        ({"status": "NEW_IN_A_LATER_RELEASE"}, NodeState.UNKNOWN),
    ],
)
def test_states(
    cloud: LibcloudDriver,
    nova: Nova,
    deadline: Deadline,
    server: dict[str, Any],
    state: NodeState,
) -> None:
    nova.server |= server
    assert cloud.get_node(node_id=ID, deadline=deadline).state is state


@pytest.mark.parametrize("wanted", ["detail", "../images", "x?y=1", "a/b", "", "é", "x" * 200])
def test_an_id_never_means_anything_in_a_path(
    cloud: LibcloudDriver, nova: Nova, deadline: Deadline, wanted: str
) -> None:
    for call in (cloud.get_node, cloud.stop_vm):
        with pytest.raises(NodeNotFound):
            call(node_id=wanted, deadline=deadline)
    assert nova.sent == []


def test_destroys_and_switches(cloud: LibcloudDriver, nova: Nova, deadline: Deadline) -> None:
    cloud.power_off_vm(node_id=ID, deadline=deadline)
    cloud.power_on_vm(node_id=ID, deadline=deadline)
    cloud.reboot_vm(node_id=ID, deadline=deadline)
    cloud.stop_vm(node_id=ID, deadline=deadline)
    assert [(m, p) for m, p, _ in nova.sent if m != "GET"] == [
        ("POST", f"/servers/{ID}/action"),
        ("POST", f"/servers/{ID}/action"),
        ("POST", f"/servers/{ID}/action"),
        ("DELETE", f"/servers/{ID}"),
    ]
