"""Starts on OpenStack, against a Nova on loopback that checks requests as Nova documents."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from nova_create import Project
from openstack_cloud import Answer, OpenStack, flavor, image, in_json, serving
from start_cases import MARKER, SAMPLES, SSH_KEY, core, not_taken, start

from orchestrator_core import Image, InvalidParameter, Refused, Size, StartField
from orchestrator_libcloud import LibcloudDriver
from tests.conftest import running
from tests.stateful import Api

Make = Callable[..., LibcloudDriver]

_IMAGE: Final = "11111111-0000-4000-8000-000000000001"
_NETS: Final = {
    "22222222-0000-4000-8000-000000000001": "lab",
    "22222222-0000-4000-8000-000000000002": "storage",
}
_LAB, _STORAGE = _NETS
_GROUPS: Final = {
    "33333333-0000-4000-8000-000000000001": "web",
    "33333333-0000-4000-8000-000000000002": "ssh",
    "33333333-0000-4000-8000-000000000003": "twice",
    "33333333-0000-4000-8000-000000000004": "twice",
}
_VOLUME: Final = "44444444-0000-4000-8000-000000000001"

THINGS: Final = (Image(_IMAGE, "debian", {"minDisk": 2}), Size("2", "m1.2", ram=1024, disk=20))
_EVERY_FIELD: Final = {
    "keyname": "ann",
    "user_data": "#!/bin/sh\necho hällo\n",
    "networks": [_STORAGE, _LAB],
    "firewalls": ["web", "33333333-0000-4000-8000-000000000003"],
    "location": "nova",
    "root_disk": {"size": 30, "keep": True},
    "volumes": [{"size": 10}, {"size": 5, "keep": True}, {"id": _VOLUME}],
    "metadata": {"course": "optics"},
    "options": {
        "ex_config_drive": True,
        "ex_disk_config": "MANUAL",
        "ex_files": {"/etc/motd": "hello"},
        "ex_os_scheduler_hints": {"group": _VOLUME},
    },
}


def project() -> Project:
    return Project(
        images={_IMAGE},
        flavors={"1", "2"},
        networks=dict(_NETS),
        groups=dict(_GROUPS),
        volumes={_VOLUME},
        keypairs={"ann"},
        server_groups={_VOLUME},
        min_disks={_IMAGE: 2},
        disks={"1": 1, "2": 20},
    )


@pytest.fixture
def nova(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStack]:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    debian = image(1) | {"id": _IMAGE, "name": "debian", "min_disk": 2}
    flavors = [flavor(1), flavor(2)]
    with serving(OpenStack(project=project(), images=[debian], flavors=flavors)) as cloud:
        yield cloud


@pytest.fixture
def cloud(make: Make, nova: OpenStack) -> LibcloudDriver:
    arguments = {"ex_force_auth_url": nova.url("/v3"), "ex_tenant_name": "physics"}
    pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
    return make(provider="openstack", **pair, arguments=arguments)


def created(nova: OpenStack) -> dict[str, Any]:
    (body,) = nova.created
    server: dict[str, Any] = body["server"]
    return server


def test_every_field_is_where_nova_documents_it(cloud: LibcloudDriver, nova: OpenStack) -> None:
    """OpenStack, "Compute API", Create server.

    https://docs.openstack.org/api-ref/compute/#create-server
    """
    node = start(cloud, _EVERY_FIELD, things=THINGS)
    assert nova.created == [
        {
            "server": {
                "name": "web",
                "imageRef": "",
                "flavorRef": "2",
                "key_name": "ann",
                "user_data": base64.b64encode("#!/bin/sh\necho hällo\n".encode()).decode(),
                "networks": [{"uuid": _STORAGE}, {"uuid": _LAB}],
                "security_groups": [
                    {"name": "web"},
                    {"name": "33333333-0000-4000-8000-000000000003"},
                ],
                "availability_zone": "nova",
                "block_device_mapping_v2": [
                    {
                        "boot_index": 0,
                        "source_type": "image",
                        "uuid": _IMAGE,
                        "destination_type": "volume",
                        "volume_size": 30,
                        "delete_on_termination": False,
                    },
                    {
                        "boot_index": -1,
                        "source_type": "blank",
                        "destination_type": "volume",
                        "volume_size": 10,
                        "delete_on_termination": True,
                    },
                    {
                        "boot_index": -1,
                        "source_type": "blank",
                        "destination_type": "volume",
                        "volume_size": 5,
                        "delete_on_termination": False,
                    },
                    {
                        "boot_index": -1,
                        "source_type": "volume",
                        "uuid": _VOLUME,
                        "destination_type": "volume",
                        "delete_on_termination": False,
                    },
                ],
                "metadata": {"course": "optics", "orchestrator-marker": MARKER},
                "config_drive": "True",
                "OS-DCF:diskConfig": "MANUAL",
                "personality": [
                    {"path": "/etc/motd", "contents": base64.b64encode(b"hello").decode()}
                ],
            },
            "os:scheduler_hints": {"group": _VOLUME},
        }
    ]
    # The requests of Libcloud alone: its own create_node reads the server after it.
    assert nova.seen == ["POST /v2.1/servers", f"GET /v2.1/servers/{node.id}"]
    assert node.secrets == {"password": "made-by-nova"}


def test_nothing_is_sent_that_was_not_asked_for(cloud: LibcloudDriver, nova: OpenStack) -> None:
    nova.project.networks = {}
    start(cloud, {}, things=THINGS, marker=None)
    assert created(nova) == {
        "name": "web",
        "imageRef": _IMAGE,
        "flavorRef": "2",
        "metadata": {},
    }


def test_a_volume_beside_the_flavors_own_disk(cloud: LibcloudDriver, nova: OpenStack) -> None:
    start(cloud, {"volumes": [{"size": 10}], "networks": [_LAB]}, things=THINGS)
    assert created(nova)["imageRef"] == _IMAGE
    boot, volume = created(nova)["block_device_mapping_v2"]
    assert boot == {
        "boot_index": 0,
        "source_type": "image",
        "uuid": _IMAGE,
        "destination_type": "local",
        "delete_on_termination": True,
    }
    assert volume["volume_size"] == 10


def test_a_root_volume_without_a_size_has_the_flavors(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    start(cloud, {"root_disk": {"keep": True}, "networks": [_LAB]}, things=THINGS)
    (boot,) = created(nova)["block_device_mapping_v2"]
    assert (boot["volume_size"], boot["delete_on_termination"]) == (20, False)
    none = (THINGS[0], Size("2", "m1.2", ram=1024, disk=0))
    with pytest.raises(InvalidParameter, match="root_disk: must have a size"):
        start(cloud, {"root_disk": {"keep": True}, "networks": [_LAB]}, things=none)


def test_keys_by_content_go_into_user_data(cloud: LibcloudDriver, nova: OpenStack) -> None:
    start(cloud, {"ssh_keys": [SSH_KEY], "networks": [_LAB]}, things=THINGS)
    text = base64.b64decode(created(nova)["user_data"]).decode()
    assert text == f'#cloud-config\nssh_authorized_keys: ["{SSH_KEY}"]\n'


def test_the_most_user_data_is_what_nova_takes(cloud: LibcloudDriver, nova: OpenStack) -> None:
    start(cloud, {"user_data": "x" * 49_149, "networks": [_LAB]}, things=THINGS)
    assert len(created(nova)["user_data"]) == 65_532
    with pytest.raises(InvalidParameter, match=r"user_data: .* at most 49149"):
        start(cloud, {"user_data": "x" * 49_150, "networks": [_LAB]}, things=THINGS)


def test_names_of_networks_are_looked_up_and_ids_are_not(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    start(cloud, {"networks": ["storage", _LAB]}, things=THINGS)
    assert created(nova)["networks"] == [{"uuid": _STORAGE}, {"uuid": _LAB}]
    assert nova.seen[0] == "GET /v2.0/networks"
    nova.project.networks["22222222-0000-4000-8000-000000000003"] = "lab"
    with pytest.raises(InvalidParameter, match=r"networks: .*'lab'.*0001.*0003"):
        start(cloud, {"networks": ["lab"]}, things=THINGS)


def test_config_drive_can_be_refused(cloud: LibcloudDriver, nova: OpenStack) -> None:
    options = {"ex_config_drive": False}
    start(cloud, {"options": options, "networks": [_LAB]}, things=THINGS)
    assert created(nova)["config_drive"] == "False"


def test_the_lists(cloud: LibcloudDriver) -> None:
    driver = core(cloud)
    assert [pair.name for pair in driver.read("list_keypairs")] == ["ann"]
    assert {one.id: one.name for one in driver.read("list_networks")} == _NETS
    assert {one.id: one.name for one in driver.read("list_firewalls")} == _GROUPS


def test_a_list_of_networks_in_several_pages_is_complete(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    """Neutron pages its lists if its operator has set ``pagination_max_limit``."""

    def pages(method: str, path: str, query: dict[str, str]) -> Answer | None:
        if (method, path) != ("GET", "/v2.0/networks"):
            return None
        number = 1 if query.get("marker") == _LAB else 0
        one = {"id": list(_NETS)[number], "name": list(_NETS.values())[number]}
        link = {"rel": "next", "href": f"{nova.url(path)}?limit=1&marker={_LAB}"}
        return in_json({"networks": [one], "networks_links": [] if number else [link]})

    nova.before = pages
    assert {one.id: one.name for one in core(cloud).read("list_networks")} == _NETS


def test_what_is_not_taken_is_refused_with_its_reason(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    reasons = not_taken(cloud)
    assert set(reasons) == {"public_ip", "tags", "spot"}
    assert "use metadata" in reasons["tags"]
    assert "floating IP" in reasons["public_ip"]
    for field in reasons:
        with pytest.raises(InvalidParameter, match=f"{field}: is not taken by cloud test: "):
            start(cloud, {field: SAMPLES[field]}, things=THINGS)
    assert not nova.seen


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"root_disk": {"size": 30, "type": "ssd"}},
            "root_disk: has 'type', which .* does not take",
        ),
        ({"volumes": [{"size": 30, "type": "ssd"}]}, "volumes: has 'type', which .* does not take"),
        ({"root_disk": {"size": 1}}, "root_disk: size must be at least 2 GB"),
        ({"location": "nova:host-1"}, "location: must be the name of an availability zone"),
        ({"metadata": {"k/y": "x"}}, "metadata: the key 'k/y' must be"),
        (
            {"metadata": {"course": "x" * 256}},
            "metadata: the value of 'course' must be at most 255",
        ),
        ({"metadata": {"course": 1}}, "metadata: the value of 'course' must be text"),
        (
            {"options": {"ex_admin_pass": "x"}},
            "options: has 'ex_admin_pass', which .* does not take",
        ),
        ({"options": {"ex_config_drive": "x"}}, "options: 'ex_config_drive' must be a boolean"),
        ({"options": {"ex_files": {"/x": 1}}}, "options: 'ex_files' must be an object of paths"),
        (
            {"options": {"ex_blockdevicemappings": []}, "root_disk": {"size": 30}},
            "options: 'ex_blockdevicemappings' is already set",
        ),
        ({"ssh_keys": [SSH_KEY], "user_data": "x"}, "ssh_keys: cannot be given together"),
    ],
)
def test_what_nova_would_refuse_is_refused_before_anything_is_sent(
    cloud: LibcloudDriver, nova: OpenStack, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidParameter, match=why):
        start(cloud, fields, things=THINGS)
    assert not nova.seen


def test_rackspace_takes_less(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    rackspace = make(provider="rackspace", key="k", secret="env:TEST_PASSWORD", region="dfw")
    assert set(not_taken(rackspace)) == {"public_ip", "tags", "spot", "firewalls", "location"}
    assert "list_firewalls" in rackspace.unsupported()
    first = make(provider="rackspace_first_gen", key="k", secret="env:TEST_PASSWORD", region="us")
    taken = [f for f, how in core(first).start_fields().items() if isinstance(how, StartField)]
    assert taken == ["metadata", "options"]


def test_a_refusal_that_quotes_the_request_shows_no_user_data(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    """Nova quotes the whole ``server`` if a key of it is missing or unknown."""
    text = "pw: hunter2"
    encoded = base64.b64encode(text.encode()).decode()
    quoted = (
        f"Value: {{'user_data': '{encoded}', 'name': 'web'}}. 'networks' is a required property"
    )
    message = f"Invalid input for field/attribute server. {quoted}"
    refusal = in_json({"badRequest": {"code": 400, "message": message}}, 400)
    nova.before = lambda method, *_: refusal if method == "POST" else None
    with pytest.raises(InvalidParameter, match="networks: the cloud cannot choose one") as caught:
        start(cloud, {"user_data": text}, things=THINGS)
    assert encoded not in caught.value.message
    assert "'networks' is a required property" in caught.value.message


# --- through a server, as a user does it -------------------------------------------------------


@pytest.fixture
def api(nova: OpenStack, tmp_path: Path) -> Iterator[Api]:
    toml = f"""default_cloud = "os"
[state]
url = "sqlite:///state.db"
[clouds.os]
driver = "libcloud"
provider = "openstack"
key = "ada"
secret = "env:TEST_PASSWORD"
destroy = "own"
[clouds.os.arguments]
ex_tenant_name = "physics"
ex_force_auth_url = "{nova.url("/v3")}"
"""
    with running(toml, tmp_path, {"TEST_PASSWORD": "p"}) as server:
        server.wait_for_log("durable worker ready")
        one = Api(server)
        with one.http:
            yield one


def test_a_project_with_several_networks_can_be_started_in(api: Api, nova: OpenStack) -> None:
    order = {"name": "web", "image": "debian", "size": "m1.2"}
    refused = api.http.post("/vm/start", json=order)
    assert refused.status_code == 400, refused.text
    message = refused.json()["message"]
    assert "networks: the cloud cannot choose one; name it: Multiple possible networks" in message
    assert not nova.created
    fields = {
        "networks": ["lab", "storage"],
        "firewalls": ["web", "ssh"],
        "keyname": "ann",
        "user_data": "#cloud-config\n",
        "root_disk": {"size": 30, "keep": True},
        "metadata": {"course": "optics"},
    }
    answer = api.http.post("/vm/start", json={**order, **fields})
    assert answer.status_code == 200, answer.text
    server = created(nova)
    assert server["networks"] == [{"uuid": _LAB}, {"uuid": _STORAGE}]
    assert server["security_groups"] == [{"name": "web"}, {"name": "ssh"}]
    assert server["metadata"].pop("orchestrator-marker")
    assert server["metadata"] == {"course": "optics"}
    assert server["block_device_mapping_v2"][0]["volume_size"] == 30


def test_a_wrong_reference_is_refused_with_the_candidates(api: Api, nova: OpenStack) -> None:
    """Nova alone names no candidates; the list is read only after its refusal."""
    same = "33333333-0000-4000-8000-000000000003, 33333333-0000-4000-8000-000000000004"
    order = {"name": "web", "image": "debian", "size": "m1.2", "networks": [_LAB]}
    for fields, why in (
        (
            {"firewalls": ["web", "twice"]},
            f"firewalls: 2 firewalls are named 'twice'; give the id of one: {same}",
        ),
        ({"firewalls": ["nowhere"]}, "firewalls: there is no firewall with the id or name"),
        ({"keyname": "bob"}, "keyname: there is no key pair with the id or name 'bob'"),
        ({"networks": [_VOLUME]}, f"networks: there is no network with the id or name '{_VOLUME}'"),
    ):
        refused = api.http.post("/vm/start", json={**order, **fields})
        assert refused.status_code == 400, refused.text
        assert why in refused.json()["message"]
    assert not nova.created


def test_the_cloud_is_quoted_if_its_list_cannot_be_read(api: Api, nova: OpenStack) -> None:
    no = in_json({"NeutronError": {"message": "not now", "type": "x"}}, 500)
    nova.before = lambda _, path, __: no if path.endswith("/security-groups") else None
    order = {"name": "web", "image": "debian", "size": "m1.2", "networks": [_LAB]}
    refused = api.http.post("/vm/start", json={**order, "firewalls": ["nowhere"]})
    assert refused.status_code == 400, refused.text
    assert "Unable to find security_group with name or id 'nowhere'" in refused.json()["message"]


def test_a_flavor_that_is_too_small_for_its_image(api: Api) -> None:
    order = {"name": "web", "image": "debian", "size": "m1.1", "networks": [_LAB]}
    refused = api.http.post("/vm/start", json=order)
    assert "size: not accepted by the cloud: Flavor's disk is smaller" in refused.json()["message"]


def test_a_start_that_fails_later_says_why(api: Api, nova: OpenStack) -> None:
    """Nova accepts a server before Cinder refuses its volume."""

    def fails(method: str, path: str, _: Any) -> None:
        if method == "GET" and path.startswith("/v2.1/servers/"):
            text = "Requested volume exceeds allowed gigabytes quota at http://10.1.2.3:8776/v3"
            fault = {"code": 500, "message": text, "created": "2026-11-01T12:00:00Z"}
            nova.servers[-1] |= {"status": "ERROR", "fault": fault}

    nova.before = fails
    order = {"name": "web", "image": "debian", "size": "m1.2", "networks": [_LAB]}
    failed = api.http.post("/vm/start", json={**order, "wait_for": "running"})
    message = failed.json()["message"]
    assert "shows it as error (Requested volume exceeds allowed gigabytes quota at [" in message
    assert "10.1.2.3" not in message


def test_another_missing_server_is_a_refusal_of_the_start(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    """Such as the server of the hint ``same_host``."""
    body = {"badRequest": {"code": 400, "message": "Instance 5f3c could not be found."}}
    nova.before = lambda method, *_: in_json(body, 400) if method == "POST" else None
    with pytest.raises(Refused, match=r"refused this: Instance 5f3c could not be found\."):
        start(cloud, {"networks": [_LAB]}, things=THINGS)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"networks": [_VOLUME]}, "networks: there is no such network or subnet"),
        ({"networks": [_LAB], "firewalls": ["nowhere"]}, "firewalls: there is no such security"),
        ({"networks": [_LAB], "firewalls": ["twice"]}, "firewalls: not accepted by the cloud: Mul"),
        ({"networks": [_LAB], "keyname": "bob"}, "keyname: there is no key pair"),
        ({"networks": [_LAB], "location": "moon"}, "location: not accepted by the cloud"),
        ({"networks": [_LAB], "volumes": [{"id": _LAB}]}, "volumes: not accepted by the cloud"),
        (
            {"networks": [_LAB], "options": {"ex_os_scheduler_hints": {"group": _LAB}}},
            "options: not accepted by the cloud: Instance group",
        ),
        (
            {"networks": [_LAB], "options": {"ex_os_scheduler_hints": {"group": "x"}}},
            "options: not accepted by the cloud: Invalid input for field/attribute group",
        ),
        (
            {"networks": [_LAB], "options": {"ex_disk_config": "x"}},
            "options: not accepted by the cloud: Invalid input for field/attribute OS-DCF",
        ),
    ],
)
def test_a_refusal_of_novas_names_our_field(
    cloud: LibcloudDriver, nova: OpenStack, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidParameter, match=why):
        start(cloud, fields, things=THINGS)
    assert not nova.created
