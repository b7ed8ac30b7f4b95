"""Starts at Scaleway: the requests that are sent, and refusals.

Documentation: Scaleway Instance API, ``POST /servers`` and ``POST /servers/{id}/action``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from paged_clouds import in_json
from start_cases import MARKER, SAMPLES, Sent, core, not_taken, start, taken

from orchestrator_core import CloudError, Deadline, Image, InvalidParameter, Size
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

THINGS = (Image("image-1", "an image"), Size("DEV1-S", "DEV1-S"))
FULL: dict[str, Any] = {"tags": {"team": "physics", "test": ""}}
_TIME = "2026-11-01T12:00:00+00:00"
_GB = 10**9
_IMAGE = {
    "id": "image-1",
    "name": "an image",
    "arch": "x86_64",
    "root_volume": {"size": 20 * _GB},
    "creation_date": _TIME,
    "modification_date": _TIME,
    "organization": "o",
}
_SIZE = {
    "ncpus": 2,
    "monthly_price": 1,
    "hourly_price": 1,
    "arch": "x86_64",
    "baremetal": False,
    "alt_names": [],
    "ram": 2**31,
    "network": {
        "sum_internal_bandwidth": None,
        "sum_internet_bandwidth": None,
        "ipv6_support": True,
    },
    "volumes_constraint": {"min_size": 20 * _GB, "max_size": 20 * _GB},
}


class Scaleway:
    """A Scaleway that keeps its servers.

    Attributes:
        refuses: whether it cannot switch a server on.
    """

    def __init__(self) -> None:
        self.servers: list[dict[str, Any]] = []
        self.refuses = False

    def __call__(self, request: Request) -> Reply:
        if request.path.endswith("/action"):
            self.servers[0]["state"] = "running"
            done = {"task": {"id": "t"}}
            return Reply(b'{"message": "no"}', 503) if self.refuses else in_json(done)
        if request.method == "POST":
            wished = json.loads(request.body)
            kept = {"id": "vm-1", "state": "stopped", "public_ip": None, "private_ip": None}
            more = {"location": None, "arch": "x86_64", "creation_date": _TIME}
            self.servers.append({**wished, **kept, **more})
            return Reply(json.dumps({"server": self.servers[0]}).encode(), 201)
        return in_json(
            {
                "/servers": {"servers": self.servers},
                "/images/image-1": {"image": _IMAGE},
                "/products/servers": {"servers": {"DEV1-S": _SIZE}},
                "/products/servers/availability": {
                    "servers": {"DEV1-S": {"availability": "available"}}
                },
            }[request.path]
        )


def test_the_requests_with_every_field(served: Served) -> None:
    sent = Sent(Scaleway())
    plugin = served("scaleway", sent)
    assert taken(plugin) == FULL.keys()
    assert start(plugin, FULL, things=THINGS).id == "vm-1"
    assert sent.body_of("POST", "/servers") == {
        "name": "web",
        "organization": "k",
        "image": "image-1",
        "volumes": {},
        "commercial_type": "DEV1-S",
        "tags": ["team:physics", "test", f"orchestrator-marker:{MARKER}"],
    }
    assert sent.body_of("POST", "/servers/vm-1/action") == {"action": "poweron"}


def test_image_and_size_as_the_core_looks_them_up(served: Served) -> None:
    sent = Sent(Scaleway())
    plugin = served("scaleway", sent)
    found = (core(plugin).find_image("image-1"), core(plugin).find_size("DEV1-S"))
    before = len(sent.requests)
    start(plugin, {}, things=found)
    assert sent.body_of("POST", "/servers")["volumes"] == {}
    assert sent.lines[before:] == ["POST /servers", "POST /servers/vm-1/action"]


def test_a_server_that_was_not_switched_on_is_found(served: Served) -> None:
    cloud = Scaleway()
    cloud.refuses = True
    plugin = served("scaleway", cloud)
    with pytest.raises(CloudError) as caught:
        start(plugin, FULL, things=THINGS)
    assert not caught.value.repeat_is_safe
    assert not caught.value.nothing_done
    node = plugin.find_node(marker=MARKER, deadline=Deadline(10))
    assert (node.id, node.extra["tags"]) == ("vm-1", ["team:physics", "test"])


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys()))
def test_a_field_that_is_not_taken(served: Served, field: str) -> None:
    sent = Sent(Scaleway())
    plugin = served("scaleway", sent)
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]}, things=THINGS)
    assert caught.value.field == field
    assert not sent.requests
