"""Starts at UpCloud: the request that is sent, and refusals.

Documentation: UpCloud API 1.2, "Servers", "Create server" (developers.upcloud.com/1.2/8-servers).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keeping_clouds
import pytest
from keeping_clouds import Keeping
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import Image, InvalidParameter, Size
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

THINGS = (
    Image("i", "i", extra={"type": "template"}),
    Size("s", "s", disk=25, extra={"storage_tier": "maxiops"}),
)
FULL: dict[str, Any] = {
    "ssh_keys": [SSH_KEY],
    "location": "us-nyc1",
    "public_ip": True,
    "options": {"ex_username": "ann", "ex_hostname": "web.example.org"},
}


def upcloud() -> Sent:
    return Sent(Keeping(keeping_clouds.upcloud))


def test_the_request_with_every_field(served: Served) -> None:
    sent = upcloud()
    plugin = served("upcloud", sent)
    assert taken(plugin) == FULL.keys()
    start(plugin, FULL, things=THINGS, name="web 1")
    disk = {"action": "clone", "storage": "i", "title": "i", "size": 25, "tier": "maxiops"}
    assert sent.body_of("POST", "/1.2/server") == {
        "server": {
            "title": f"web 1-{MARKER}",
            "hostname": "web.example.org",
            "plan": "s",
            "zone": "us-nyc1",
            "login_user": {"username": "ann", "ssh_keys": {"ssh_key": [SSH_KEY]}},
            "storage_devices": {"storage_device": [disk]},
        }
    }
    assert sent.lines == ["POST /1.2/server"]


def test_image_and_size_as_the_core_looks_them_up(served: Served) -> None:
    sent = upcloud()
    plugin = served("upcloud", sent)
    found = (core(plugin).find_image("i"), core(plugin).find_size("s"))
    before = len(sent.requests)
    start(plugin, {"location": "fi-hel1"}, things=found)
    disk = sent.body_of("POST", "/1.2/server")["server"]["storage_devices"]["storage_device"][0]
    assert disk == {"action": "clone", "storage": "i", "title": "i", "size": 1, "tier": "x"}
    assert len(sent.requests) == before + 1


def test_an_installation_image_is_attached_as_a_drive(served: Served) -> None:
    sent = upcloud()
    things = (Image("i", "i", extra={"type": "cdrom"}), THINGS[1])
    start(served("upcloud", sent), {"location": "fi-hel1"}, things=things)
    devices = sent.body_of("POST", "/1.2/server")["server"]["storage_devices"]["storage_device"]
    assert [device["action"] for device in devices] == ["create", "attach"]


@pytest.mark.parametrize(
    ("name", "hostname"),
    [
        ("web", "web"),
        ("My web server", "My-web-server"),
        ("web.example.org", "web.example.org"),
        ("-ä-", "server"),
        ("x" * 130, "x" * 128),
    ],
)
def test_the_host_name_is_the_name(served: Served, name: str, hostname: str) -> None:
    sent = upcloud()
    node = start(served("upcloud", sent), {"location": "fi-hel1"}, things=THINGS, name=name)
    server = sent.body_of("POST", "/1.2/server")["server"]
    assert server["hostname"] == hostname
    assert server["login_user"] == {"username": "root", "create_password": "yes"}
    assert node.name == name


def test_the_generated_password_is_only_in_the_secrets(served: Served) -> None:
    def with_password(nodes: keeping_clouds.Nodes, request: Any) -> Any:
        answer = keeping_clouds.upcloud(nodes, request)
        if request.method == "POST":
            answer["server"] = {**answer["server"], "password": "p4ss"}
        return answer

    plugin = served("upcloud", Keeping(with_password))
    node = start(plugin, {"location": "fi-hel1"}, things=THINGS)
    assert node.secrets["password"] == "p4ss"
    assert "p4ss" not in str(node.extra)


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys()))
def test_a_field_that_is_not_taken(served: Served, field: str) -> None:
    sent = upcloud()
    plugin = served("upcloud", sent)
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]}, things=THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"ssh_keys": [SSH_KEY, f"{SSH_KEY}2"]}, "ssh_keys"),
        ({"public_ip": False}, "public_ip"),
        ({"options": {"auth": "x"}}, "options"),
        ({"location": "us-xxx"}, "location"),
    ],
)
def test_a_value_that_would_be_lost(served: Served, fields: dict[str, Any], field: str) -> None:
    sent = upcloud()
    with pytest.raises(InvalidParameter) as caught:
        start(served("upcloud", sent), {"location": "fi-hel1", **fields}, things=THINGS)
    assert caught.value.field == field
    assert "POST /1.2/server" not in sent.lines
