"""Starts on OUTSCALE's own API: the requests that are sent, and refusals.

Documentation: OUTSCALE API reference (docs.outscale.com/api), ``CreateVms`` and ``CreateTags``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from paged_clouds import in_json
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, core, not_taken, start, taken

from orchestrator_core import CloudError, Deadline, Image, InvalidParameter, Size, SizeNotFound
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

THINGS = (
    Image("ami-1", "an image", extra={"RootDeviceName": "/dev/sda1"}),
    Size("tinav5.c2r4p1", "tinav5.c2r4p1"),
)
_API = "/api/latest"
FULL: dict[str, Any] = {
    "keyname": "ann",
    "user_data": "#cloud-config\n",
    "networks": ["subnet-0a"],
    "firewalls": ["sg-0a", "sg-0b"],
    "location": "eu-west-2a",
    "root_disk": {"size": 30, "type": "gp2", "keep": True},
    "volumes": [{"size": 10}, {"size": 20, "type": "standard", "keep": True}],
    "tags": {"team": "physics"},
    "options": {"ex_private_ips": ["10.0.0.9"], "ex_performance": "high"},
}


class Outscale:
    """An OUTSCALE that keeps its VMs.

    Attributes:
        refuses: whether it cannot set tags.
    """

    def __init__(self) -> None:
        self.vms: list[dict[str, Any]] = []
        self.refuses = False

    def __call__(self, request: Request) -> Reply:
        action = request.path.rpartition("/")[2]
        wished = json.loads(request.body)
        if action == "CreateVms":
            kept = {"VmId": "i-1", "State": "pending", "Tags": []}
            self.vms.append({**kept, "ClientToken": wished["ClientToken"]})
        elif action == "CreateTags":
            if self.refuses:
                return Reply(b'{"Errors": [{"Code": "2000", "Type": "InternalError"}]}', 500)
            self.vms[0]["Tags"] = wished["Tags"]
        return in_json({"Vms": self.vms, "ResponseContext": {}})


def test_the_requests_with_every_field(served: Served) -> None:
    sent = Sent(Outscale())
    plugin = served("outscale", sent)
    assert taken(plugin) == {*FULL, "ssh_keys"}
    node = start(plugin, FULL, things=THINGS)
    assert (node.id, node.name, node.marker) == ("i-1", "web", MARKER)
    assert sent.body_of("POST", f"{_API}/CreateVms") == {
        "DryRun": False,
        "BootOnCreation": True,
        "BsuOptimized": True,
        "DeletionProtection": False,
        "ImageId": "ami-1",
        "VmType": "tinav5.c2r4p1",
        "ClientToken": MARKER,
        "KeypairName": "ann",
        "UserData": base64.b64encode(b"#cloud-config\n").decode(),
        "SubnetId": "subnet-0a",
        "SecurityGroupIds": ["sg-0a", "sg-0b"],
        "Placement": {"SubregionName": "eu-west-2a", "Tenancy": "default"},
        "PrivateIps": ["10.0.0.9"],
        "Performance": "high",
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/sda1",
                "Bsu": {"VolumeSize": 30, "VolumeType": "gp2", "DeleteOnVmDeletion": False},
            },
            {"DeviceName": "/dev/xvdb", "Bsu": {"VolumeSize": 10, "DeleteOnVmDeletion": True}},
            {
                "DeviceName": "/dev/xvdc",
                "Bsu": {"VolumeSize": 20, "VolumeType": "standard", "DeleteOnVmDeletion": False},
            },
        ],
    }
    tags = [{"Key": "Name", "Value": "web"}, {"Key": "team", "Value": "physics"}]
    wanted = {"DryRun": False, "ResourceIds": ["i-1"], "Tags": tags}
    assert sent.body_of("POST", f"{_API}/CreateTags") == wanted
    assert len(sent.requests) == 2


def test_a_node_without_its_tags_is_found(served: Served) -> None:
    cloud = Outscale()
    cloud.refuses = True
    plugin = served("outscale", cloud)
    with pytest.raises(CloudError) as caught:
        start(plugin, {}, things=THINGS)
    assert not caught.value.repeat_is_safe
    node = plugin.find_node(marker=MARKER, deadline=Deadline(10))
    assert (node.id, node.marker) == ("i-1", MARKER)
    assert MARKER not in json.dumps(node.extra)


@pytest.mark.parametrize(
    ("size", "cpu", "ram"),
    [
        ("tinav5.c2r4p1", 2, 4096),
        ("tinav6.c40r160", 40, 163_840),
        ("t2.small", None, None),
        ("inference7-l40.large", None, None),
    ],
)
def test_a_size_is_the_name_of_a_vm_type(
    served: Served, size: str, cpu: int | None, ram: int | None
) -> None:
    sent = Sent(Outscale())
    found = core(served("outscale", sent)).find_size(size)
    assert (found.id, found.cpu, found.ram) == (size, cpu, ram)
    assert not sent.requests


def test_a_size_of_another_form(served: Served) -> None:
    with pytest.raises(SizeNotFound, match=r"takes tinavN\.cCPUSrGIBpLEVEL"):
        core(served("outscale", Sent(Outscale()))).find_size("small")


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys() - {"ssh_keys"}))
def test_a_field_that_is_not_taken(served: Served, field: str) -> None:
    sent = Sent(Outscale())
    plugin = served("outscale", sent)
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {field: SAMPLES[field]}, things=THINGS)
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tags": {"Name": "other"}}, "tags"),
        ({"volumes": [{"id": "vol-1"}]}, "volumes"),
        ({"networks": ["subnet-0a", "subnet-0b"]}, "networks"),
        ({"networks": ["subnet-0a"], "options": {"ex_nics": []}}, "options"),
        ({"options": {"ex_client_token": "t0ken"}}, "options"),
        ({"options": {"ex_max_vms_count": 2}}, "options"),
        ({"options": {"ex_vm_initiated_shutdown_behavior": "restart"}}, "options"),
    ],
)
def test_a_value_that_would_be_lost(served: Served, fields: dict[str, Any], field: str) -> None:
    sent = Sent(Outscale())
    with pytest.raises(InvalidParameter) as caught:
        start(served("outscale", sent), fields, things=THINGS)
    assert caught.value.field == field
    assert not sent.requests


def test_networks_and_firewalls_by_name(served: Served) -> None:
    subnet = {"SubnetId": "subnet-0a", "IpRange": "10.0.1.0/24", "SubregionName": "eu-west-2a"}
    lists = {
        "ReadSubnets": {"Subnets": [{**subnet, "Tags": [{"Key": "Name", "Value": "lab"}]}]},
        "ReadSecurityGroups": {
            "SecurityGroups": [
                {"SecurityGroupId": "sg-0a", "SecurityGroupName": "web", "Description": "HTTP"}
            ]
        },
    }
    cloud = Outscale()

    def answer(request: Request) -> Reply:
        known = lists.get(request.path.rpartition("/")[2])
        return cloud(request) if known is None else in_json(known)

    sent = Sent(answer)
    plugin = served("outscale", sent)
    start(plugin, {"networks": ["lab"], "firewalls": ["web"]}, things=THINGS)
    body = sent.body_of("POST", f"{_API}/CreateVms")
    assert (body["SubnetId"], body["SecurityGroupIds"]) == ("subnet-0a", ["sg-0a"])
    (network,) = core(plugin).read("list_networks")
    assert (network.cidr, network.location) == ("10.0.1.0/24", "eu-west-2a")


def test_keys_by_content_go_through_user_data(served: Served) -> None:
    sent = Sent(Outscale())
    start(served("outscale", sent), {"ssh_keys": [SSH_KEY]}, things=THINGS)
    data = base64.b64decode(sent.body_of("POST", f"{_API}/CreateVms")["UserData"]).decode()
    assert data == f'#cloud-config\nssh_authorized_keys: ["{SSH_KEY}"]\n'
