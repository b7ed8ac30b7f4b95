"""Starts at DigitalOcean, with the requests that leave this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from refused_parts import in_json
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import Image, InvalidParameter, Size
from orchestrator_libcloud import LibcloudDriver

Serve = Callable[..., LibcloudDriver]

_VPC = "3f900b61-30d7-40d8-9711-8c5d6264b268"
_VOLUME = "82a48a18-873f-11f0-96bf-000f53315a41"
_THINGS = (Image("129211873", "Debian 12 x64"), Size("s-1vcpu-1gb", "s-1vcpu-1gb"))
_EVERYTHING: dict[str, Any] = {
    "keyname": "laptop",
    "user_data": "#cloud-config\npackages: [git]\n",
    "networks": ["lab"],
    "location": "nyc3",
    "public_ip": True,
    "volumes": [{"id": _VOLUME}],
    "tags": {"team": "physics", "urgent": ""},
    "options": {"monitoring": True, "ipv6": True},
}
_REFUSED = ("firewalls", "root_disk", "spot", "metadata")
_KEYS = [
    {"id": 512189, "name": "laptop", "fingerprint": "3b:16" + ":00" * 14, "public_key": SSH_KEY},
    {"id": 512190, "name": "work", "fingerprint": "3b:17" + ":00" * 14, "public_key": SSH_KEY},
]
_DROPLET = {
    "id": 3164494,
    "name": "web",
    "status": "new",
    "created_at": "2026-07-21T18:37:44Z",
    "networks": {"v4": [], "v6": []},
    "region": {"name": "New York 3"},
}


def _answer(request: Request) -> Reply:
    if request.path == "/v2/account/keys":
        return in_json({"ssh_keys": _KEYS, "links": {}, "meta": {"total": 2}})
    if request.path == "/v2/vpcs":
        vpc = {"id": _VPC, "name": "lab", "ip_range": "10.10.10.0/24", "region": "nyc3"}
        return in_json({"vpcs": [vpc], "links": {}, "meta": {"total": 1}})
    assert (request.method, request.path) == ("POST", "/v2/droplets")
    return in_json({"droplet": {**_DROPLET, "tags": json.loads(request.body)["tags"]}}, 202)


@pytest.fixture
def sent() -> Sent:
    return Sent(_answer)


@pytest.fixture
def digitalocean(served: Serve, sent: Sent) -> LibcloudDriver:
    return served("digitalocean", sent)


def test_a_start_with_every_field(digitalocean: LibcloudDriver, sent: Sent) -> None:
    """Compare with https://docs.digitalocean.com/reference/api/api-reference/#operation/droplets_create."""
    # Keys go through user data, so that both are not taken together.
    assert taken(digitalocean) == {*_EVERYTHING, "ssh_keys"}
    node = start(digitalocean, _EVERYTHING, things=_THINGS)
    assert sent.lines == ["GET /v2/account/keys", "GET /v2/vpcs", "POST /v2/droplets"]
    assert sent.body_of("POST", "/v2/droplets") == {
        "name": "web",
        "region": "nyc3",
        "size": "s-1vcpu-1gb",
        "image": 129211873,
        "ssh_keys": [512189],
        "user_data": "#cloud-config\npackages: [git]\n",
        "vpc_uuid": _VPC,
        "volumes": [_VOLUME],
        "tags": ["team:physics", "urgent", f"orchestrator-marker:{MARKER}"],
        "monitoring": True,
        "ipv6": True,
    }
    assert (node.id, node.marker) == ("3164494", MARKER)
    assert node.extra["tags"] == ["team:physics", "urgent"]


@pytest.mark.parametrize("key", ["512190", _KEYS[1]["fingerprint"]])
def test_a_key_by_number_or_fingerprint_needs_no_list(
    digitalocean: LibcloudDriver, sent: Sent, key: str
) -> None:
    start(digitalocean, {"keyname": key, "networks": [_VPC], "location": "nyc3"}, things=_THINGS)
    assert sent.lines == ["POST /v2/droplets"]
    keys = sent.body_of("POST", "/v2/droplets")["ssh_keys"]
    assert keys == [512190 if key == "512190" else key]


def test_keys_by_content_go_through_user_data(digitalocean: LibcloudDriver, sent: Sent) -> None:
    start(digitalocean, {"ssh_keys": [SSH_KEY], "location": "nyc3"}, things=_THINGS)
    user_data = sent.body_of("POST", "/v2/droplets")["user_data"]
    assert user_data == f'#cloud-config\nssh_authorized_keys: ["{SSH_KEY}"]\n'


def test_an_image_by_its_slug(digitalocean: LibcloudDriver, sent: Sent) -> None:
    things = (Image("debian-12-x64", "Debian 12"), _THINGS[1])
    start(digitalocean, {"location": "nyc3"}, things=things)
    assert sent.body_of("POST", "/v2/droplets")["image"] == "debian-12-x64"


@pytest.mark.parametrize("field", _REFUSED)
def test_a_field_that_is_not_taken(digitalocean: LibcloudDriver, sent: Sent, field: str) -> None:
    assert not_taken(digitalocean).keys() == set(_REFUSED)
    with pytest.raises(InvalidParameter, match="is not taken by cloud test: ") as caught:
        start(digitalocean, {field: SAMPLES[field]}, things=_THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"public_ip": False}, "public_ip"),
        ({"volumes": [{"size": 10}]}, "volumes"),
        ({"tags": {"course": "non linear optics"}}, "tags"),
        ({"networks": [_VPC, _VPC[:-1] + "9"]}, "networks"),
        ({"ssh_keys": [SSH_KEY], "user_data": "#!/bin/sh"}, "ssh_keys"),
        ({"options": {"vpc_uuid": _VPC}}, "options"),
        ({"options": {"ipv6": "yes"}}, "options"),
        ({"options": {"ex_create_attr": {"user_data": "x"}}}, "options"),
    ],
)
def test_a_value_that_is_not_taken(
    digitalocean: LibcloudDriver, sent: Sent, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        start(digitalocean, {"location": "nyc3", **fields}, things=_THINGS)
    assert caught.value.field == field
    assert not sent.requests


def test_the_lists_of_what_a_start_can_name(digitalocean: LibcloudDriver) -> None:
    pairs = core(digitalocean).read("list_keypairs")
    assert [(pair.id, pair.name) for pair in pairs] == [("512189", "laptop"), ("512190", "work")]
    (network,) = core(digitalocean).read("list_networks")
    assert (network.id, network.name, network.cidr, network.location) == (
        *(_VPC, "lab", "10.10.10.0/24", "nyc3"),
    )
