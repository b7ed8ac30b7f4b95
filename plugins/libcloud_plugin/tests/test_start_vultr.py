"""Starts at Vultr, with the requests that leave this machine."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from refused_parts import in_json
from start_cases import SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import Image, InvalidParameter, Size
from orchestrator_libcloud import LibcloudDriver

Serve = Callable[..., LibcloudDriver]

_KEY, _VPC, _GROUP = (f"3f900b61-30d7-40d8-9711-8c5d6264b26{number}" for number in range(3))
_THINGS = (Image("2136", "Debian 12 x64"), Size("vc2-1c-1gb", "vc2-1c-1gb"))
_METAL = (_THINGS[0], Size("vbm-4c-32gb", "vbm-4c-32gb"))
_EVERYTHING: dict[str, Any] = {
    "keyname": "laptop",
    "user_data": "#cloud-config\npackages: [git]\n",
    "networks": ["lab"],
    "firewalls": ["web"],
    "location": "ams",
    "public_ip": True,
    "tags": {"team": "physics", "urgent": ""},
    "options": {"ex_hostname": "web.example.org", "ex_backups": True},
}
_REFUSED = ("root_disk", "volumes", "spot", "metadata")
_INSTANCE: dict[str, Any] = {
    "id": "cb676a46-66fd-4dfb-b839-443f2e6c0b60",
    "label": "web",
    "main_ip": "0.0.0.0",
    "v6_main_ip": "",
    "plan": "vc2-1c-1gb",
    "os_id": 2136,
    "date_created": "2026-01-01T00:00:00+00:00",
    "region": "ams",
    "status": "pending",
    "power_status": "running",
    "server_status": "none",
    "internal_ip": "",
    "mac_address": 1,
    **dict.fromkeys(("ram", "disk", "netmask_v4", "gateway_v4", "v6_network", "v6_network_size")),
    **dict.fromkeys(("app_id", "image_id", "features", "tag", "os", "cpu_count", "vcpu_count")),
    **dict.fromkeys(("allowed_bandwidth", "firewall_group_id")),
}
_LISTS = {
    "/v2/ssh-keys": (
        "ssh_keys",
        {"id": _KEY, "name": "laptop", "ssh_key": SSH_KEY, "date_created": "2026-01-01"},
    ),
    "/v2/vpcs": (
        "vpcs",
        {
            "id": _VPC,
            "description": "lab",
            "region": "ams",
            "v4_subnet": "10.99.0.0",
            "v4_subnet_mask": 24,
        },
    ),
    "/v2/firewalls": ("firewall_groups", {"id": _GROUP, "description": "web"}),
}


def _answer(request: Request) -> Reply:
    if request.path in _LISTS:
        key, item = _LISTS[request.path]
        links = {"next": "", "prev": ""}
        return in_json({key: [item], "meta": {"total": 1, "links": links}})
    assert request.method == "POST"
    key = {"/v2/instances": "instance", "/v2/bare-metals": "bare_metal"}[request.path]
    return in_json({key: _INSTANCE}, 202)


@pytest.fixture
def sent() -> Sent:
    return Sent(_answer)


@pytest.fixture
def vultr(served: Serve, sent: Sent) -> LibcloudDriver:
    return served("vultr", sent)


def test_a_start_with_every_field(vultr: LibcloudDriver, sent: Sent) -> None:
    """Compare with https://www.vultr.com/api/#tag/instances/operation/create-instance."""
    # Keys go through user data, so that both are not taken together.
    assert taken(vultr) == {*_EVERYTHING, "ssh_keys"}
    start(vultr, _EVERYTHING, things=_THINGS)
    lists = ["GET /v2/ssh-keys", "GET /v2/vpcs", "GET /v2/firewalls"]
    assert sent.lines == [*lists, "POST /v2/instances"]
    body = sent.body_of("POST", "/v2/instances")
    assert base64.b64decode(body.pop("user_data")).decode() == _EVERYTHING["user_data"]
    assert body == {
        "label": "web",
        "region": "ams",
        "plan": "vc2-1c-1gb",
        "os_id": 2136,
        "sshkey_id": [_KEY],
        "attach_vpc": [_VPC],
        "firewall_group_id": _GROUP,
        "tags": ["team:physics", "urgent"],
        "hostname": "web.example.org",
        "backups": "enabled",
        "enable_ipv6": False,
        "activation_email": False,
    }


def test_ids_need_no_list(vultr: LibcloudDriver, sent: Sent) -> None:
    fields = {"keyname": _KEY, "networks": [_VPC], "firewalls": [_GROUP], "location": "ams"}
    start(vultr, fields, things=_THINGS)
    assert sent.lines == ["POST /v2/instances"]


def test_keys_by_content_go_through_user_data(vultr: LibcloudDriver, sent: Sent) -> None:
    start(vultr, {"ssh_keys": [SSH_KEY], "location": "ams"}, things=_THINGS)
    user_data = base64.b64decode(sent.body_of("POST", "/v2/instances")["user_data"])
    assert user_data.decode() == f'#cloud-config\nssh_authorized_keys: ["{SSH_KEY}"]\n'


def test_bare_metal(vultr: LibcloudDriver, sent: Sent) -> None:
    """Compare with https://www.vultr.com/api/#tag/baremetal/operation/create-baremetal."""
    fields = {
        **{name: _EVERYTHING[name] for name in ("location", "tags", "user_data")},
        "keyname": _KEY,
        "options": {"ex_persistent_pxe": True},
    }
    start(vultr, fields, things=_METAL)
    body = sent.body_of("POST", "/v2/bare-metals")
    assert base64.b64decode(body.pop("user_data")).decode() == _EVERYTHING["user_data"]
    assert body == {
        "label": "web",
        "region": "ams",
        "plan": "vbm-4c-32gb",
        "os_id": 2136,
        "sshkey_id": [_KEY],
        "tags": ["team:physics", "urgent"],
        "persistent_pxe": True,
        "enable_ipv6": False,
        "activation_email": False,
    }


@pytest.mark.parametrize("field", _REFUSED)
def test_a_field_that_is_not_taken(vultr: LibcloudDriver, sent: Sent, field: str) -> None:
    assert not_taken(vultr).keys() == set(_REFUSED)
    with pytest.raises(InvalidParameter, match="is not taken by cloud test: ") as caught:
        start(vultr, {field: SAMPLES[field]}, things=_THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "things", "field"),
    [
        ({"public_ip": False}, _THINGS, "public_ip"),
        ({"firewalls": [_GROUP, _KEY]}, _THINGS, "firewalls"),
        ({"networks": [_VPC]}, _METAL, "networks"),
        ({"firewalls": [_GROUP]}, _METAL, "firewalls"),
        ({"options": {"ex_backups": True}}, _METAL, "options"),
        ({"options": {"ex_ddos_protection": True}}, _METAL, "options"),
        ({"options": {"ex_persistent_pxe": True}}, _THINGS, "options"),
        ({"options": {"ex_tag": "x"}}, _THINGS, "options"),
        ({"options": {"ex_enable_ipv6": 1}}, _THINGS, "options"),
    ],
)
def test_a_value_that_is_not_taken(
    vultr: LibcloudDriver,
    sent: Sent,
    fields: dict[str, Any],
    things: tuple[Image, Size],
    field: str,
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        start(vultr, {"location": "ams", **fields}, things=things)
    assert caught.value.field == field
    assert not sent.requests


def test_the_lists_of_what_a_start_can_name(vultr: LibcloudDriver) -> None:
    driver = core(vultr)
    assert [(pair.id, pair.name) for pair in driver.read("list_keypairs")] == [(_KEY, "laptop")]
    (network,) = driver.read("list_networks")
    assert (network.id, network.name, network.cidr) == (_VPC, "lab", "10.99.0.0/24")
    assert network.location == "ams"
    assert [(one.id, one.name) for one in driver.read("list_firewalls")] == [(_GROUP, "web")]
