"""Starts on Alibaba Cloud's ECS: the requests that are sent, and refusals.

Documentation: Alibaba Cloud, Elastic Compute Service API 2014-05-26, ``CreateInstance``,
``StartInstance``, ``DescribeInstances``, ``AllocatePublicIpAddress``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from any_host import Reply, Request
from start_cases import MARKER, SAMPLES, Sent, core, not_taken, start, taken

from orchestrator_core import CloudError, Deadline, InvalidParameter
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

FULL: dict[str, Any] = {
    "networks": ["vsw-1a"],
    "firewalls": ["sg-1a"],
    "public_ip": True,
    "root_disk": {"type": "cloud_ssd"},
    "volumes": [{"size": 20, "type": "cloud_essd", "keep": True}, {"size": 40}],
    "options": {
        "ex_hostname": "web",
        "ex_internet_charge_type": "PayByBandwidth",
        "ex_internet_max_bandwidth_in": 10,
        "ex_internet_max_bandwidth_out": 2,
        "ex_io_optimized": True,
        "ex_private_ip_address": "10.0.0.9",
    },
}
_SIGNATURE = frozenset(
    {
        *("Format", "Version", "AccessKeyId", "SignatureMethod", "SignatureVersion"),
        *("SignatureNonce", "Timestamp", "Signature"),
    }
)
_INSTANCE = (
    "<Instance><InstanceId>i-1</InstanceId><InstanceName>{InstanceName}</InstanceName>"
    "<Description>{Description}</Description><Status>{Status}</Status></Instance>"
)
_GROUP = (
    "<SecurityGroup><SecurityGroupId>sg-1a</SecurityGroupId>"
    "<SecurityGroupName>web</SecurityGroupName></SecurityGroup>"
)


class Ecs:
    """An ECS that keeps its instances.

    Attributes:
        refuses: the action that it refuses.
    """

    def __init__(self) -> None:
        self.instances: list[dict[str, str]] = []
        self.refuses = ""

    def __call__(self, request: Request) -> Reply:
        action = request.query["Action"]
        if action == self.refuses:
            return Reply(b"<Error><Code>InternalError</Code><Message>no</Message></Error>", 500)
        if action == "CreateInstance":
            self.instances.append({"Description": "", **request.query, "Status": "Stopped"})
        if action == "StartInstance":
            self.instances[0]["Status"] = "Running"
        inner = {
            "CreateInstance": "<InstanceId>i-1</InstanceId>",
            "AllocatePublicIpAddress": "<IpAddress>192.0.2.7</IpAddress>",
            "DescribeSecurityGroups": f"<SecurityGroups>{_GROUP}</SecurityGroups>",
            "DescribeInstances": "<Instances>"
            + "".join(_INSTANCE.format(**one) for one in self.instances)
            + "</Instances>",
        }.get(action, "")
        pages = "<TotalCount>1</TotalCount><PageNumber>1</PageNumber><PageSize>10</PageSize>"
        return Reply(f"<{action}Response>{pages}{inner}</{action}Response>".encode())


def serve(served: Served, answer: Any) -> LibcloudDriver:
    return served("aliyun_ecs", answer, region="cn-hangzhou")


def created(sent: Sent) -> dict[str, str]:
    query = sent.form_of(Action="CreateInstance")
    return {name: value for name, value in query.items() if name not in _SIGNATURE}


def test_the_requests_with_every_field(served: Served) -> None:
    sent = Sent(Ecs())
    plugin = serve(served, sent)
    assert taken(plugin) == FULL.keys()
    node = start(plugin, FULL)
    assert (node.id, node.name, node.marker) == ("i-1", "web", MARKER)
    assert node.public_ips == ["192.0.2.7"]
    password = node.secrets["password"]
    assert password not in json.dumps(node.extra)
    assert len(password) <= 30
    assert created(sent) == {
        "Action": "CreateInstance",
        "RegionId": "cn-hangzhou",
        "ImageId": "image-1",
        "InstanceType": "size-1",
        "InstanceName": "web",
        "Description": f"orchestrator-marker:{MARKER}",
        "ClientToken": MARKER,
        "Password": password,
        "SecurityGroupId": "sg-1a",
        "VSwitchId": "vsw-1a",
        "PrivateIpAddress": "10.0.0.9",
        "HostName": "web",
        "IoOptimized": "optimized",
        "InternetChargeType": "PayByBandwidth",
        "InternetMaxBandwidthIn": "10",
        "InternetMaxBandwidthOut": "2",
        "SystemDisk.Category": "cloud_ssd",
        "DataDisk.1.Size": "20",
        "DataDisk.1.Category": "cloud_essd",
        "DataDisk.1.DeleteWithInstance": "false",
        "DataDisk.2.Size": "40",
        "DataDisk.2.DeleteWithInstance": "true",
    }
    actions = [request.query["Action"] for request in sent.requests]
    assert [action for action in actions if action != "DescribeInstances"] == [
        "CreateInstance",
        "StartInstance",
        "AllocatePublicIpAddress",
    ]


def test_a_public_address_comes_with_a_bandwidth(served: Served) -> None:
    sent = Sent(Ecs())
    start(serve(served, sent), {"firewalls": ["sg-1a"], "public_ip": True})
    query = created(sent)
    wanted = ("PayByTraffic", "5")
    assert (query["InternetChargeType"], query["InternetMaxBandwidthOut"]) == wanted


@pytest.mark.parametrize("public_ip", [None, False])
def test_no_public_address_is_assigned_unasked(served: Served, public_ip: Any) -> None:
    sent = Sent(Ecs())
    fields = {"firewalls": ["sg-1a"], "public_ip": public_ip}
    start(serve(served, sent), {k: v for k, v in fields.items() if v is not None})
    assert "InternetMaxBandwidthOut" not in created(sent)
    assert "AllocatePublicIpAddress" not in {r.query["Action"] for r in sent.requests}


@pytest.mark.parametrize("action", ["StartInstance", "AllocatePublicIpAddress"])
def test_an_instance_whose_start_failed_half_way_is_found(served: Served, action: str) -> None:
    cloud = Ecs()
    cloud.refuses = action
    plugin = serve(served, cloud)
    with pytest.raises(CloudError) as caught:
        start(plugin, FULL)
    assert not caught.value.repeat_is_safe
    node = plugin.find_node(marker=MARKER, deadline=Deadline(10))
    assert (node.id, node.marker) == ("i-1", MARKER)
    assert MARKER not in json.dumps(node.extra)


@pytest.mark.parametrize("field", sorted(SAMPLES.keys() - FULL.keys()))
def test_a_field_that_is_not_taken(served: Served, field: str) -> None:
    sent = Sent(Ecs())
    plugin = serve(served, sent)
    assert field in not_taken(plugin)
    with pytest.raises(InvalidParameter) as caught:
        start(plugin, {"firewalls": ["sg-1a"], field: SAMPLES[field]})
    assert caught.value.field == field
    assert not sent.requests


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"firewalls": []}, "firewalls", "starts no VM without it"),
        ({"firewalls": ["sg-1a", "sg-1b"]}, "firewalls", "at most 1 entry"),
        ({"networks": ["net"]}, "networks", "the id of a vSwitch"),
        ({"root_disk": {"size": 30}}, "root_disk", "'size'"),
        ({"options": {"ex_hostname": 7}}, "options", "must be text"),
        ({"options": {"ex_description": "x"}}, "options", "'ex_description'"),
        ({"options": {"ex_internet_max_bandwidth_out": 5}}, "options", "has no effect without"),
        ({"options": {"ex_internet_charge_type": "PayByTraffic"}}, "options", "bandwidth_out"),
        ({"options": {"ex_private_ip_address": "10.0.0.9"}}, "options", "needs the vSwitch"),
    ],
)
def test_a_value_that_would_be_lost(
    served: Served, fields: dict[str, Any], field: str, reason: str
) -> None:
    sent = Sent(Ecs())
    with pytest.raises(InvalidParameter, match=reason) as caught:
        start(serve(served, sent), {"firewalls": ["sg-1a"], **fields})
    assert caught.value.field == field
    assert not sent.requests


def test_a_start_without_a_security_group(served: Served) -> None:
    with pytest.raises(InvalidParameter, match=r"default in \[clouds.test.start\]") as caught:
        start(serve(served, Sent(Ecs())), {})
    assert caught.value.field == "firewalls"


def test_a_security_group_by_name(served: Served) -> None:
    sent = Sent(Ecs())
    start(serve(served, sent), {"firewalls": ["web"]})
    assert created(sent)["SecurityGroupId"] == "sg-1a"
    (firewall,) = core(serve(served, sent)).read("list_firewalls")
    assert (firewall.id, firewall.name) == ("sg-1a", "web")
