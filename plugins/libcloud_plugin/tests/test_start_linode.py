"""Starts at Linode, with the requests that leave this machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from refused_parts import in_json
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import Deadline, Image, InvalidParameter, Size
from orchestrator_libcloud import LibcloudDriver

Serve = Callable[..., LibcloudDriver]

_THINGS = (
    Image("linode/debian12", "Debian 12"),
    Size("g6-nanode-1", "Nanode 1GB", ram=1024, disk=25600),
)
_PROFILE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFrofilekeyofthisuserxxxxxxxxxxxxxxxxxxx laptop"
_EVERYTHING: dict[str, Any] = {
    "keyname": "laptop",
    "ssh_keys": [SSH_KEY],
    "user_data": "#cloud-config\npackages: [git]\n",
    "location": "eu-west",
    "public_ip": True,
    "tags": {"team": "physics", "urgent": ""},
    "options": {"ex_private_ip": True, "ex_backups_enabled": True},
}
_REFUSED = (*("networks", "firewalls", "root_disk", "volumes", "spot", "metadata"),)
_LINODE: dict[str, Any] = {
    "id": 123,
    "label": "web",
    "status": "provisioning",
    "region": "eu-west",
    "type": "g6-nanode-1",
    "image": "linode/debian12",
    "ipv4": ["203.0.113.1"],
    "ipv6": "2001:db8::1/128",
    "created": "2026-01-01T00:01:01",
    **dict.fromkeys(("hypervisor", "specs", "alerts", "backups", "watchdog_enabled")),
}


class _Linode:
    """A Linode account with keys in the user's profile; it keeps the Linodes that it made."""

    def __init__(self) -> None:
        self.labels = ["laptop", "work"]
        self.made: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Reply:
        if request.path == "/v4/profile/sshkeys":
            keys = [
                {"id": 41 + at, "label": label, "ssh_key": _PROFILE_KEY}
                for at, label in enumerate(self.labels)
            ]
            return in_json({"data": keys, "page": 1, "pages": 1, "results": len(keys)})
        assert request.path == "/v4/linode/instances"
        if request.method == "GET":
            found = {"data": self.made, "page": 1, "pages": 1, "results": len(self.made)}
            return in_json(found)
        body = json.loads(request.body)
        self.made.append({**_LINODE, "tags": body.get("tags", [])})
        return in_json(self.made[-1])


@pytest.fixture
def account() -> _Linode:
    return _Linode()


@pytest.fixture
def sent(account: _Linode) -> Sent:
    return Sent(account)


@pytest.fixture
def linode(served: Serve, sent: Sent) -> LibcloudDriver:
    return served("linode", sent)


def test_a_start_with_every_field(linode: LibcloudDriver, sent: Sent) -> None:
    """Compare with https://techdocs.akamai.com/linode-api/reference/post-linode-instance."""
    assert taken(linode) == set(_EVERYTHING)
    node = start(linode, _EVERYTHING, things=_THINGS)
    assert sent.lines == ["GET /v4/profile/sshkeys", "POST /v4/linode/instances"]
    body = sent.body_of("POST", "/v4/linode/instances")
    password = body.pop("root_pass")
    user_data = base64.b64decode(body.pop("metadata")["user_data"])
    assert user_data.decode() == _EVERYTHING["user_data"]
    assert body == {
        "label": "web",
        "region": "eu-west",
        "type": "g6-nanode-1",
        "image": "linode/debian12",
        "authorized_keys": [SSH_KEY, _PROFILE_KEY],
        "tags": ["team:physics", "urgent", MARKER],
        "private_ip": True,
        "backups_enabled": True,
    }
    assert len(password) >= 20
    assert node.secrets == {"password": password}
    assert password not in json.dumps(node.extra)
    assert (node.id, node.marker, node.extra["tags"]) == ("123", MARKER, ["team:physics", "urgent"])


def test_a_start_is_found_by_its_marker(linode: LibcloudDriver, deadline: Deadline) -> None:
    start(linode, {"location": "eu-west"}, things=_THINGS)
    found = linode.find_node(MARKER, deadline=deadline)
    assert (found.id, found.marker, found.secrets) == ("123", MARKER, {})
    assert found.extra["tags"] == []


def test_each_start_has_a_password_of_its_own(linode: LibcloudDriver) -> None:
    nodes = [start(linode, {"location": "eu-west"}, things=_THINGS) for _ in range(2)]
    assert len({node.secrets["password"] for node in nodes}) == 2


def test_a_given_password_is_used_and_not_returned(linode: LibcloudDriver, sent: Sent) -> None:
    fields = {"location": "eu-west", "options": {"root_pass": "Correct-Horse-7"}}
    node = start(linode, fields, things=_THINGS)
    assert sent.body_of("POST", "/v4/linode/instances")["root_pass"] == "Correct-Horse-7"
    assert not node.secrets


@pytest.mark.parametrize("field", _REFUSED)
def test_a_field_that_is_not_taken(linode: LibcloudDriver, sent: Sent, field: str) -> None:
    assert not_taken(linode).keys() == set(_REFUSED)
    with pytest.raises(InvalidParameter, match="is not taken by cloud test: ") as caught:
        start(linode, {field: SAMPLES[field]}, things=_THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"public_ip": False}, "public_ip"),
        ({"tags": {"x": ""}}, "tags"),
        ({"tags": {"course": "o" * 50}}, "tags"),
        ({"options": {"ex_tags": ["x"]}}, "options"),
    ],
)
def test_a_value_that_is_not_taken(
    linode: LibcloudDriver, sent: Sent, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidParameter) as caught:
        start(linode, {"location": "eu-west", **fields}, things=_THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize("name", ["7web", "web--1", "we", "web server", "w" * 65])
def test_a_name_that_linode_refuses(linode: LibcloudDriver, sent: Sent, name: str) -> None:
    with pytest.raises(InvalidParameter, match="must begin with a letter") as caught:
        start(linode, {"location": "eu-west"}, things=_THINGS, name=name)
    assert caught.value.field == "name"
    assert not sent.requests


def test_an_unknown_key_and_one_with_the_name_of_another(
    linode: LibcloudDriver, account: _Linode
) -> None:
    with pytest.raises(InvalidParameter, match="no key 'other'"):
        start(linode, {"location": "eu-west", "keyname": "other"}, things=_THINGS)
    account.labels = ["laptop", "laptop"]
    with pytest.raises(InvalidParameter, match="give one of 41, 42"):
        start(linode, {"location": "eu-west", "keyname": "laptop"}, things=_THINGS)
    assert not account.made
    start(linode, {"location": "eu-west", "keyname": "42"}, things=_THINGS)
    assert len(account.made) == 1


def test_the_list_of_key_pairs(linode: LibcloudDriver) -> None:
    pairs = core(linode).read("list_keypairs")
    assert [(pair.id, pair.name) for pair in pairs] == [("41", "laptop"), ("42", "work")]
