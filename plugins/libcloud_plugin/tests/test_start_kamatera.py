"""Starts at Kamatera: the requests that are sent, and refusals.

Documentation: Kamatera API (console.kamatera.com/docs/api), "Create server", "Command status" and
"Server information".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from paged_clouds import in_json
from start_cases import SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import CloudError, Image, InvalidParameter, Size
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

THINGS = (Image("EU:6000", "debian"), Size("2B-4096MB-50GB", "2B"))
FULL: dict[str, Any] = {
    "ssh_keys": [SSH_KEY],
    "networks": ["lan-1"],
    "location": "EU",
    "public_ip": True,
    "options": {"ex_dailybackup": True, "ex_managed": True, "ex_billingcycle": "monthly"},
}
_SERVER = {
    "id": "vm-1",
    "name": "web",
    "power": "on",
    "datacenter": "EU",
    "billing": "hourly",
    "networks": [{"network": "wan-eu", "ips": ["192.0.2.7"]}],
}
_IMAGE = {"datacenter": "EU", "os": "Debian", "code": "12", "osDiskSizeGB": 5}
_IMAGE |= {"id": "EU:6000", "name": "debian", "ramMBMin": {}}


class Kamatera:
    """A Kamatera whose commands end at the second look.

    Attributes:
        fails: whether they end with an error.
    """

    def __init__(self) -> None:
        self.fails = False
        self.looks = 0

    def __call__(self, request: Request) -> Reply:
        if request.path == "/service/queue":
            self.looks += 1
            end = "error" if self.fails else "complete"
            said = {"status": end if self.looks > 1 else "progress", "log": "Name: web\n"}
            return in_json([said])
        if request.path == "/service/server/info":
            return in_json([_SERVER])
        if request.method == "POST":
            is_generated = json.loads(request.body)["password"] == "__generate__"
            answer = {"commandIds": [7], "password": "p4ss"}
            return in_json(answer if is_generated else [7])
        datacenter = {"id": "EU", "subCategory": "Amsterdam", "name": "The Netherlands"}
        other = {"id": "IL", "subCategory": "Tel Aviv", "name": "Israel"}
        listed = {"datacenter": [datacenter, other], "images": [_IMAGE]}
        return in_json(listed["images" if "images" in request.query else "datacenter"])


def created(sent: Sent) -> dict[str, Any]:
    body: dict[str, Any] = sent.body_of("POST", "/service/server")
    return body


def test_the_request_with_every_field(served: Served) -> None:
    sent = Sent(Kamatera())
    plugin = served("kamatera", sent)
    assert taken(plugin) == FULL.keys()
    node = start(plugin, FULL, things=THINGS)
    assert (node.id, node.name, node.public_ips) == ("vm-1", "web", ["192.0.2.7"])
    assert created(sent) == {
        "name": "web",
        "password": "",
        "passwordValidate": "",
        "ssh-key": SSH_KEY,
        "datacenter": "EU",
        "image": "EU:6000",
        "cpu": "2B",
        "ram": 4096,
        "disk": "size=50",
        "dailybackup": "yes",
        "managed": "yes",
        "network": "name=wan,ip=auto name=lan-1,ip=auto",
        "quantity": 1,
        "billingcycle": "monthly",
        "monthlypackage": "",
        "poweronaftercreate": "yes",
    }
    assert sent.lines[0] == "POST /service/server"


def test_a_generated_password_is_only_in_the_secrets(served: Served) -> None:
    sent = Sent(Kamatera())
    wanted = {"location": "EU", "networks": ["lan-1"], "public_ip": False}
    node = start(served("kamatera", sent), wanted, things=THINGS)
    assert node.secrets == {"generated_password": "p4ss"}
    assert "p4ss" not in json.dumps(node.extra)
    assert created(sent)["network"] == "name=lan-1,ip=auto"


def test_the_region_of_the_settings_is_the_location(served: Served) -> None:
    sent = Sent(Kamatera())
    plugin = served("kamatera", sent, region="EU")
    image = core(plugin).find_image("debian")
    assert image.id == "EU:6000"
    start(plugin, {}, things=(image, core(plugin).find_size(THINGS[1].id)))
    assert created(sent)["datacenter"] == "EU"


def test_a_command_that_fails(served: Served) -> None:
    cloud = Kamatera()
    cloud.fails = True
    with pytest.raises(CloudError) as caught:
        start(served("kamatera", cloud), {"location": "EU"}, things=THINGS)
    assert not caught.value.repeat_is_safe


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys()))
def test_a_field_that_is_not_taken(served: Served, field: str) -> None:
    sent = Sent(Kamatera())
    plugin = served("kamatera", sent)
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]}, things=THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"public_ip": False}, "public_ip"),
        ({"ssh_keys": [SSH_KEY, f"{SSH_KEY}2"]}, "ssh_keys"),
        ({"options": {"ex_wait": False}}, "options"),
        ({"options": {"ex_managed": "yes"}}, "options"),
    ],
)
def test_a_value_that_would_be_lost(served: Served, fields: dict[str, Any], field: str) -> None:
    sent = Sent(Kamatera())
    with pytest.raises(InvalidParameter) as caught:
        start(served("kamatera", sent), {"location": "EU", **fields}, things=THINGS)
    assert caught.value.field == field
    assert not sent.requests
