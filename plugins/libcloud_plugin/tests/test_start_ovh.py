"""Starts in OVH's public cloud: the request that is sent, and refusals.

Documentation: OVHcloud API, ``POST /cloud/project/{serviceName}/instance`` and ``GET
/cloud/project/{serviceName}/sshkey`` (api.ovh.com/console).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from paged_clouds import in_json
from start_cases import SAMPLES, Sent, not_taken, start, taken

from orchestrator_core import InvalidParameter
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

_PROJECT = "/1.0/cloud/project/p"
_INSTANCE = f"{_PROJECT}/instance"
_KEY = {"id": "6b", "name": "ann", "publicKey": "ssh-ed25519 AAAA", "regions": ["GRA11"]}
FULL: dict[str, Any] = {"keyname": "ann", "location": "GRA11", "public_ip": True}


def ovh(request: Request) -> Reply:
    if request.path == "/1.0/auth/time":
        return in_json(1)
    if request.path.endswith("/sshkey"):
        return in_json([_KEY] if request.query.get("region", "GRA11") == "GRA11" else [])
    assert (request.method, request.path) == ("POST", _INSTANCE)
    return in_json({"id": "vm-1", "name": "web", "status": "BUILD"})


@pytest.fixture
def sent() -> Sent:
    return Sent(ovh)


@pytest.fixture
def plugin(served: Served, sent: Sent) -> LibcloudDriver:
    return served("ovh", sent, {"ex_project_id": "p", "ex_consumer_key": "c"})


def test_the_request_with_every_field(plugin: LibcloudDriver, sent: Sent) -> None:
    assert taken(plugin) == FULL.keys()
    assert start(plugin, FULL).id == "vm-1"
    assert sent.body_of("POST", _INSTANCE) == {
        "name": "web",
        "imageId": "image-1",
        "flavorId": "size-1",
        "region": "GRA11",
        "sshKeyId": "6b",
    }
    # Libcloud knows only the regions of its own table, so that its list of them is not asked.
    assert f"GET {_PROJECT}/region" not in sent.lines


def test_a_key_of_another_location(plugin: LibcloudDriver, sent: Sent) -> None:
    with pytest.raises(InvalidParameter, match="the location DE1 has no key 'ann'") as caught:
        start(plugin, {**FULL, "location": "DE1"})
    assert (caught.value.field, caught.value.nothing_done) == ("keyname", True)
    assert f"POST {_INSTANCE}" not in sent.lines


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys()))
def test_a_field_that_is_not_taken(plugin: LibcloudDriver, sent: Sent, field: str) -> None:
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]})
    assert caught.value.field == field
    assert not sent.requests


def test_a_vm_without_a_public_address(plugin: LibcloudDriver, sent: Sent) -> None:
    with pytest.raises(InvalidParameter, match="gives every node a public address") as caught:
        start(plugin, {**FULL, "public_ip": False})
    assert caught.value.field == "public_ip"
    assert f"POST {_INSTANCE}" not in sent.lines
