"""Starts at cloudscale.ch: the request that is sent, and refusals.

Documentation: cloudscale.ch API (www.cloudscale.ch/en/api/v1), "Create a server" and "Interfaces
attribute specification".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keeping_clouds
import pytest
from keeping_clouds import Keeping
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, not_taken, start, taken

from orchestrator_core import InvalidParameter
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

NETWORK = "2db69ba3-1864-4608-853a-0771b6885a3a"
FULL: dict[str, Any] = {
    "ssh_keys": [SSH_KEY, f"{SSH_KEY}2"],
    "user_data": "#cloud-config\n",
    "networks": [NETWORK],
    "location": "rma1",
    "public_ip": True,
    "root_disk": {"size": 30},
    "tags": {"team": "physics"},
    "options": {"use_ipv6": False, "server_groups": ["s-1"]},
}


def cloudscale() -> Sent:
    return Sent(Keeping(keeping_clouds.cloudscale))


def test_the_request_with_every_field(served: Served) -> None:
    sent = cloudscale()
    plugin = served("cloudscale", sent)
    assert taken(plugin) == FULL.keys()
    start(plugin, FULL)
    assert sent.body_of("POST", "/v1/servers") == {
        "name": "web",
        "flavor": "size-1",
        "image": "image-1",
        "zone": "rma1",
        "volume_size_gb": 30,
        "ssh_keys": [SSH_KEY, f"{SSH_KEY}2"],
        "user_data": "#cloud-config\n",
        "interfaces": [{"network": "public"}, {"network": NETWORK}],
        "tags": {"team": "physics", "orchestrator-marker": MARKER},
        "use_ipv6": False,
        "server_groups": ["s-1"],
    }
    assert len(sent.requests) == 1


def test_a_node_in_a_private_network_alone(served: Served) -> None:
    sent = cloudscale()
    start(served("cloudscale", sent), {"networks": [NETWORK], "public_ip": False})
    assert sent.body_of("POST", "/v1/servers")["interfaces"] == [{"network": NETWORK}]


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys()))
def test_a_field_that_is_not_taken(served: Served, field: str) -> None:
    sent = cloudscale()
    plugin = served("cloudscale", sent)
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]})
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"public_ip": False}, "public_ip"),
        ({"root_disk": {"type": "ssd"}}, "root_disk"),
        ({"options": {"use_ipv6": "no"}}, "options"),
        ({"options": {"tags": {}}}, "options"),
    ],
)
def test_a_value_that_would_be_lost(served: Served, fields: dict[str, Any], field: str) -> None:
    sent = cloudscale()
    with pytest.raises(InvalidParameter) as caught:
        start(served("cloudscale", sent), fields)
    assert caught.value.field == field
    assert not sent.requests
