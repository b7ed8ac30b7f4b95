"""Starts on CloudStack and the providers that run it: the request that is sent, and refusals.

Documentation: Apache CloudStack API reference, ``deployVirtualMachine``, ``listDiskOfferings``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Answer, Reply, Request
from paged_clouds import in_json
from start_cases import SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import InvalidParameter
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

ZONE = "11111111-2222-3333-4444-555555555555"
NETWORKS = [f"aaaaaaaa-2222-3333-4444-55555555555{digit}" for digit in (1, 2)]
OFFERING = "cccccccc-2222-3333-4444-555555555555"
_VM = {"id": "vm-1", "name": "web", "state": "Running", "nic": [], "zoneid": ZONE}
_OFFERINGS = [
    {"id": OFFERING, "name": "Small", "disksize": 10, "iscustomized": False},
    {"id": "o-2", "name": "Medium", "disksize": 20, "iscustomized": False},
    {"id": "o-3", "name": "Also medium", "disksize": 20, "iscustomized": False},
    {"id": "o-4", "name": "Custom", "disksize": 10, "iscustomized": True},
]
FULL: dict[str, Any] = {
    "keyname": "ann",
    "user_data": "#cloud-config\n",
    "networks": NETWORKS,
    "firewalls": ["web", "ssh"],
    "location": ZONE,
    "root_disk": {"size": 30},
    "volumes": [{"size": 10, "type": "Small", "keep": True}],
    "options": {"ex_displayname": "Web", "ex_ip_address": "10.0.0.9", "ex_affinity_groups": ["g"]},
}


class Cloudstack:
    """A CloudStack with these zones that creates one VM."""

    def __init__(self, *zones: str) -> None:
        self.zones = [{"id": zone, "name": f"zone of {zone}"} for zone in zones]

    def __call__(self, request: Request) -> Reply:
        command = request.query["command"]
        job = {"jobid": "j", "jobstatus": 1, "jobresult": {"virtualmachine": _VM}}
        answers: dict[str, Any] = {
            "deployVirtualMachine": {"jobid": "j", "id": "vm-1"},
            "queryAsyncJobResult": job,
            "listDiskOfferings": {"diskoffering": _OFFERINGS, "count": 4},
            "listZones": {"zone": self.zones},
        }
        return in_json({f"{command.lower()}response": answers[command]})


@pytest.fixture(params=["cloudstack", "exoscale", "ikoula", "aurora_compute"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serve(served: Served, answer: Answer, provider: str = "cloudstack") -> LibcloudDriver:
    own: dict[str, Any] = {"host": "cloud.example.org"}
    if provider == "cloudstack":
        own["arguments"] = {"path": "/client/api"}
    return served(provider, answer, **own)


def commands(sent: Sent) -> list[str]:
    return [request.query["command"] for request in sent.requests]


def test_the_request_with_every_field(served: Served, provider: str) -> None:
    sent = Sent(Cloudstack())
    plugin = serve(served, sent, provider)
    assert taken(plugin) == {*FULL, "ssh_keys"}
    node = start(plugin, FULL)
    assert (node.id, node.name) == ("vm-1", "web")
    query = sent.form_of(command="deployVirtualMachine")
    assert {k: v for k, v in query.items() if k not in ("apiKey", "signature", "response")} == {
        "command": "deployVirtualMachine",
        "name": "web",
        "displayname": "Web",
        "serviceofferingid": "size-1",
        "templateid": "image-1",
        "zoneid": ZONE,
        "networkids": ",".join(NETWORKS),
        "diskofferingid": OFFERING,
        "keypair": "ann",
        "userdata": base64.b64encode(b"#cloud-config\n").decode(),
        "securitygroupnames": "web,ssh",
        "ipaddress": "10.0.0.9",
        "rootdisksize": "30",
        "startvm": "True",
        "affinitygroupids": "g",
    }
    # Image, size, zone and networks go by their ids: no list of them is read.
    expected = ["listDiskOfferings", "deployVirtualMachine", "queryAsyncJobResult"]
    assert commands(sent) == expected


def test_a_plain_start_starts_the_vm_in_the_only_zone(served: Served, provider: str) -> None:
    sent = Sent(Cloudstack(ZONE))
    start(serve(served, sent, provider), {})
    query = sent.form_of(command="deployVirtualMachine")
    assert (query["startvm"], query["zoneid"]) == ("True", ZONE)
    assert commands(sent)[0] == "listZones"


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys() - {"ssh_keys"}))
def test_a_field_that_is_not_taken(served: Served, field: str) -> None:
    sent = Sent(Cloudstack())
    plugin = serve(served, sent)
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]})
    assert caught.value.field == field
    assert not sent.requests


_MEDIUM = "Medium \\(20 GB\\), Also medium \\(20 GB\\)"


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"user_data": "x" * 3073}, "user_data", "3073 bytes; cloud test takes at most 3072"),
        ({"options": {"project": "p"}}, "options", "'project'"),
        ({"options": {"ex_start_vm": False}}, "options", "'ex_start_vm'"),
        ({"options": {"ex_affinity_groups": "g"}}, "options", "must be a list"),
        ({"options": {"ex_affinity_groups": [7]}}, "options", "must be a list of ids"),
        ({"root_disk": {"type": "ssd"}}, "root_disk", "'type'"),
        ({"root_disk": {"size": 9, "keep": True}}, "root_disk", "'keep'"),
        ({"volumes": [{"size": 10}]}, "volumes", "give keep = true"),
        ({"volumes": [{"id": "v-1"}]}, "volumes", "'id'"),
        ({"volumes": [{"size": 1, "keep": True}] * 2}, "volumes", "at most 1 entry"),
        ({"volumes": [{"size": 20, "keep": True}]}, "volumes", f"several.*{_MEDIUM}"),
        ({"volumes": [{"size": 10, "type": "o-2", "keep": True}]}, "volumes", "type 'o-2'"),
        ({"volumes": [{"size": 10, "type": "Custom", "keep": True}]}, "volumes", "no disk off"),
    ],
)
def test_a_value_that_would_be_lost(
    served: Served, fields: dict[str, Any], field: str, reason: str
) -> None:
    sent = Sent(Cloudstack(ZONE))
    with pytest.raises(InvalidParameter, match=reason) as caught:
        start(serve(served, sent), {"location": ZONE, **fields})
    assert caught.value.field == field
    assert "deployVirtualMachine" not in commands(sent)


def test_a_zone_is_chosen_by_the_caller(served: Served) -> None:
    sent = Sent(Cloudstack("z-1", "z-2"))
    with pytest.raises(InvalidParameter, match="zone of z-1, zone of z-2") as caught:
        start(serve(served, sent), {})
    assert caught.value.field == "location"
    assert commands(sent) == ["listZones"]


def test_user_data_of_the_greatest_length_is_sent_whole(served: Served) -> None:
    sent = Sent(Cloudstack(ZONE))
    start(serve(served, sent), {"user_data": "x" * 3072})
    data = sent.form_of(command="deployVirtualMachine")["userdata"]
    assert (len(data), base64.b64decode(data)) == (4096, b"x" * 3072)


def test_what_a_start_can_name(served: Served) -> None:
    network = {"id": NETWORKS[0], "name": "lab", "displaytext": "Lab", "networkofferingid": "n"}
    network |= {"zoneid": ZONE, "gateway": "10.1.2.1", "netmask": "255.255.255.0"}
    answers: dict[str, Any] = {
        "listNetworks": {"network": [network]},
        "listSecurityGroups": {
            "securitygroup": [{"id": "g-1", "name": "web", "description": "HTTP"}]
        },
        "listSSHKeyPairs": {"sshkeypair": [{"name": "ann", "fingerprint": "0a:1b"}]},
    }

    def answer(request: Request) -> Reply:
        command = request.query["command"]
        return in_json({f"{command.lower()}response": answers[command]})

    driver = core(serve(served, answer))
    (found,) = driver.read("list_networks")
    expected = (NETWORKS[0], "lab", "10.1.2.0/24", ZONE)
    assert (found.id, found.name, found.cidr, found.location) == expected
    (firewall,) = driver.read("list_firewalls")
    assert (firewall.id, firewall.name, firewall.description) == ("g-1", "web", "HTTP")
    (pair,) = driver.read("list_keypairs")
    assert (pair.name, pair.fingerprint) == ("ann", "0a:1b")


def test_names_and_ids_are_looked_up(served: Served) -> None:
    """CloudStack takes networks and zones by id, and security groups by name."""
    cloud = Cloudstack(ZONE)
    listed = {"name": "lab", "displaytext": "Lab", "networkofferingid": "n", "zoneid": ZONE}
    group = "dddddddd-2222-3333-4444-555555555555"

    def answer(request: Request) -> Reply:
        if request.query["command"] == "listNetworks":
            return in_json({"listnetworksresponse": {"network": [{"id": NETWORKS[0], **listed}]}})
        if request.query["command"] == "listSecurityGroups":
            groups = [{"id": group, "name": "web"}]
            return in_json({"listsecuritygroupsresponse": {"securitygroup": groups}})
        return cloud(request)

    sent = Sent(answer)
    wanted = {"networks": ["lab"], "firewalls": [group], "location": f"zone of {ZONE}"}
    start(serve(served, sent), wanted)
    query = sent.form_of(command="deployVirtualMachine")
    assert query["networkids"] == NETWORKS[0]
    assert (query["securitygroupnames"], query["zoneid"]) == ("web", ZONE)


def test_keys_by_content_go_through_user_data(served: Served) -> None:
    sent = Sent(Cloudstack())
    start(serve(served, sent), {"ssh_keys": [SSH_KEY], "location": ZONE})
    data = base64.b64decode(sent.form_of(command="deployVirtualMachine")["userdata"]).decode()
    assert data == f'#cloud-config\nssh_authorized_keys: ["{SSH_KEY}"]\n'
