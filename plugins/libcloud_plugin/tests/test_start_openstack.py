"""Starts on OpenStack, against a Nova on loopback that checks requests as Nova documents."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from openstack_cloud import Answer, OpenStack, in_json
from openstack_project import (
    GROUPS,
    IMAGE,
    LAB,
    NETS,
    STORAGE,
    VOLUME,
    created,
    serving_nova,
)
from start_cases import MARKER, SAMPLES, SSH_KEY, core, not_taken, start

from orchestrator_core import Image, InvalidParameter, Refused, Size, StartField
from orchestrator_libcloud import LibcloudDriver

Make = Callable[..., LibcloudDriver]

THINGS: Final = (Image(IMAGE, "debian", {"minDisk": 2}), Size("2", "m1.2", ram=1024, disk=20))
_EVERY_FIELD: Final = {
    "keyname": "ann",
    "user_data": "#!/bin/sh\necho hällo\n",
    "networks": [STORAGE, LAB],
    "firewalls": ["web", "33333333-0000-4000-8000-000000000003"],
    "location": "nova",
    "root_disk": {"size": 30, "keep": True},
    "volumes": [{"size": 10}, {"size": 5, "keep": True}, {"id": VOLUME}],
    "metadata": {"course": "optics"},
    "options": {
        "ex_config_drive": True,
        "ex_disk_config": "MANUAL",
        "ex_files": {"/etc/motd": "hello"},
        "ex_os_scheduler_hints": {"group": VOLUME},
    },
}


@pytest.fixture
def nova(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStack]:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    with serving_nova() as cloud:
        yield cloud


@pytest.fixture
def cloud(make: Make, nova: OpenStack) -> LibcloudDriver:
    arguments = {"ex_force_auth_url": nova.url("/v3"), "ex_tenant_name": "physics"}
    pair = {"key": "ada", "secret": "env:TEST_PASSWORD"}
    return make(provider="openstack", **pair, arguments=arguments)


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
                "networks": [{"uuid": STORAGE}, {"uuid": LAB}],
                "security_groups": [
                    {"name": "web"},
                    {"name": "33333333-0000-4000-8000-000000000003"},
                ],
                "availability_zone": "nova",
                "block_device_mapping_v2": [
                    {
                        "boot_index": 0,
                        "source_type": "image",
                        "uuid": IMAGE,
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
                        "uuid": VOLUME,
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
            "os:scheduler_hints": {"group": VOLUME},
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
        "imageRef": IMAGE,
        "flavorRef": "2",
        "metadata": {},
    }


def test_a_volume_beside_the_flavors_own_disk(cloud: LibcloudDriver, nova: OpenStack) -> None:
    start(cloud, {"volumes": [{"size": 10}], "networks": [LAB]}, things=THINGS)
    assert created(nova)["imageRef"] == IMAGE
    boot, volume = created(nova)["block_device_mapping_v2"]
    assert boot == {
        "boot_index": 0,
        "source_type": "image",
        "uuid": IMAGE,
        "destination_type": "local",
        "delete_on_termination": True,
    }
    assert volume["volume_size"] == 10


def test_a_root_volume_without_a_size_has_the_flavors(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    start(cloud, {"root_disk": {"keep": True}, "networks": [LAB]}, things=THINGS)
    (boot,) = created(nova)["block_device_mapping_v2"]
    assert (boot["volume_size"], boot["delete_on_termination"]) == (20, False)
    none = (THINGS[0], Size("2", "m1.2", ram=1024, disk=0))
    with pytest.raises(InvalidParameter, match="root_disk: must have a size"):
        start(cloud, {"root_disk": {"keep": True}, "networks": [LAB]}, things=none)


def test_keys_by_content_go_into_user_data(cloud: LibcloudDriver, nova: OpenStack) -> None:
    start(cloud, {"ssh_keys": [SSH_KEY], "networks": [LAB]}, things=THINGS)
    text = base64.b64decode(created(nova)["user_data"]).decode()
    assert text == f'#cloud-config\nssh_authorized_keys: ["{SSH_KEY}"]\n'


def test_the_most_user_data_is_what_nova_takes(cloud: LibcloudDriver, nova: OpenStack) -> None:
    start(cloud, {"user_data": "x" * 49_149, "networks": [LAB]}, things=THINGS)
    assert len(created(nova)["user_data"]) == 65_532
    with pytest.raises(InvalidParameter, match=r"user_data: .* at most 49149"):
        start(cloud, {"user_data": "x" * 49_150, "networks": [LAB]}, things=THINGS)


def test_names_of_networks_are_looked_up_and_ids_are_not(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    start(cloud, {"networks": ["storage", LAB]}, things=THINGS)
    assert created(nova)["networks"] == [{"uuid": STORAGE}, {"uuid": LAB}]
    assert nova.seen[0] == "GET /v2.0/networks"
    nova.project.networks["22222222-0000-4000-8000-000000000003"] = "lab"
    with pytest.raises(InvalidParameter, match=r"networks: .*'lab'.*0001.*0003"):
        start(cloud, {"networks": ["lab"]}, things=THINGS)


def test_config_drive_can_be_refused(cloud: LibcloudDriver, nova: OpenStack) -> None:
    options = {"ex_config_drive": False}
    start(cloud, {"options": options, "networks": [LAB]}, things=THINGS)
    assert created(nova)["config_drive"] == "False"


def test_the_lists(cloud: LibcloudDriver) -> None:
    driver = core(cloud)
    assert [pair.name for pair in driver.read("list_keypairs")] == ["ann"]
    assert {one.id: one.name for one in driver.read("list_networks")} == NETS
    assert {one.id: one.name for one in driver.read("list_firewalls")} == GROUPS


def test_a_list_of_networks_in_several_pages_is_complete(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    """Neutron pages its lists if its operator has set ``pagination_max_limit``."""

    def pages(method: str, path: str, query: dict[str, str]) -> Answer | None:
        if (method, path) != ("GET", "/v2.0/networks"):
            return None
        number = 1 if query.get("marker") == LAB else 0
        one = {"id": list(NETS)[number], "name": list(NETS.values())[number]}
        link = {"rel": "next", "href": f"{nova.url(path)}?limit=1&marker={LAB}"}
        return in_json({"networks": [one], "networks_links": [] if number else [link]})

    nova.before = pages
    assert {one.id: one.name for one in core(cloud).read("list_networks")} == NETS


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


def test_another_missing_server_is_a_refusal_of_the_start(
    cloud: LibcloudDriver, nova: OpenStack
) -> None:
    """Such as the server of the hint ``same_host``."""
    body = {"badRequest": {"code": 400, "message": "Instance 5f3c could not be found."}}
    nova.before = lambda method, *_: in_json(body, 400) if method == "POST" else None
    with pytest.raises(Refused, match=r"refused this: Instance 5f3c could not be found\."):
        start(cloud, {"networks": [LAB]}, things=THINGS)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"networks": [VOLUME]}, "networks: there is no such network or subnet"),
        ({"networks": [LAB], "firewalls": ["nowhere"]}, "firewalls: there is no such security"),
        ({"networks": [LAB], "firewalls": ["twice"]}, "firewalls: not accepted by the cloud: Mul"),
        ({"networks": [LAB], "keyname": "bob"}, "keyname: there is no key pair"),
        ({"networks": [LAB], "location": "moon"}, "location: not accepted by the cloud"),
        ({"networks": [LAB], "volumes": [{"id": LAB}]}, "volumes: not accepted by the cloud"),
        (
            {"networks": [LAB], "options": {"ex_os_scheduler_hints": {"group": LAB}}},
            "options: not accepted by the cloud: Instance group",
        ),
        (
            {"networks": [LAB], "options": {"ex_os_scheduler_hints": {"group": "x"}}},
            "options: not accepted by the cloud: Invalid input for field/attribute group",
        ),
        (
            {"networks": [LAB], "options": {"ex_disk_config": "x"}},
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
