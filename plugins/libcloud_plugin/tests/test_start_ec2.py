"""Starts on EC2: the request that leaves this machine, and the instance that moto's EC2 makes."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest
from any_host import Answer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from start_cases import MARKER, SAMPLES, SSH_KEY, Sent, core, not_taken, start
from storm_clouds import Amazon

from orchestrator_core import (
    Deadline,
    Image,
    ImageFilter,
    InvalidParameter,
    Node,
    OrchestratorError,
    Size,
)
from orchestrator_libcloud import LibcloudDriver

Served = Callable[..., LibcloudDriver]

_SMALL: Final = Size("t3.small", "t3.small")
_IMAGE: Final = Image(
    "ami-03cf127a",
    "windows",
    {
        "root_device_name": "/dev/sda1",
        "root_device_type": "ebs",
        "block_device_mapping": [
            {"device_name": "/dev/sda1", "virtual_name": None, "ebs": {"volume_size": 15}},
            {"device_name": "/dev/sdf", "virtual_name": "ephemeral0"},
        ],
    },
)
_EVERY_FIELD: Final = {
    "keyname": "ann",
    "user_data": "#!/bin/sh\necho hällo\n",
    "networks": ["subnet-0a1b2c3d"],
    "firewalls": ["sg-0a1b2c3d", "sg-1a2b3c4d"],
    "location": "eu-west-1a",
    "public_ip": True,
    "root_disk": {"size": 30, "type": "gp3", "keep": True},
    "volumes": [{"size": 10}, {"size": 500, "type": "st1", "keep": True}],
    "tags": {"team": "physics"},
    "spot": {"max_price": 0.00001},
    "metadata": {"course": "optics"},
    "options": {"ex_iamprofile": "lab", "ex_ebs_optimized": True, "ex_placement_group": "near"},
}


@pytest.fixture
def sent(ec2_port: int) -> Sent:
    return Sent(Amazon(ec2_port))


@pytest.fixture
def amazon(served: Callable[[str, Answer], LibcloudDriver], sent: Sent) -> LibcloudDriver:
    return served("ec2", sent, region="eu-west-1")  # type: ignore[call-arg]


def attempt(plugin: LibcloudDriver, fields: dict[str, Any], **more: Any) -> Node | None:
    """Start a VM; moto may refuse it for what it does not know."""
    with suppress(OrchestratorError):
        return start(plugin, fields, things=(_IMAGE, _SMALL), **more)
    return None


def run_instances(sent: Sent) -> dict[str, str]:
    """Return the parameters of the one request, without version and signature."""
    assert len(sent.requests) == 1
    found = sent.form_of(Action="RunInstances")
    return {name: value for name, value in found.items() if name not in ("Action", "Version")}


def test_every_field_is_where_amazon_documents_it(amazon: LibcloudDriver, sent: Sent) -> None:
    """AWS, "Amazon EC2 API Reference", RunInstances.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
    """
    attempt(amazon, _EVERY_FIELD)
    interface, disk = "NetworkInterface.1.", "BlockDeviceMapping."
    assert run_instances(sent) == {
        "ImageId": _IMAGE.id,
        "InstanceType": "t3.small",
        "MinCount": "1",
        "MaxCount": "1",
        "ClientToken": MARKER,
        "KeyName": "ann",
        "UserData": base64.b64encode("#!/bin/sh\necho hällo\n".encode()).decode(),
        f"{interface}DeviceIndex": "0",
        f"{interface}DeleteOnTermination": "true",
        f"{interface}AssociatePublicIpAddress": "true",
        f"{interface}SubnetId": "subnet-0a1b2c3d",
        f"{interface}SecurityGroupId.1": "sg-0a1b2c3d",
        f"{interface}SecurityGroupId.2": "sg-1a2b3c4d",
        "Placement.AvailabilityZone": "eu-west-1a",
        "Placement.GroupName": "near",
        f"{disk}1.DeviceName": "/dev/sda1",
        f"{disk}1.Ebs.VolumeSize": "30",
        f"{disk}1.Ebs.VolumeType": "gp3",
        f"{disk}1.Ebs.DeleteOnTermination": "false",
        f"{disk}2.DeviceName": "/dev/sdg",
        f"{disk}2.Ebs.VolumeSize": "10",
        f"{disk}2.Ebs.DeleteOnTermination": "true",
        f"{disk}3.DeviceName": "/dev/sdh",
        f"{disk}3.Ebs.VolumeSize": "500",
        f"{disk}3.Ebs.VolumeType": "st1",
        f"{disk}3.Ebs.DeleteOnTermination": "false",
        "InstanceMarketOptions.MarketType": "spot",
        "InstanceMarketOptions.SpotOptions.MaxPrice": "0.00001",
        "IamInstanceProfile.Name": "lab",
        "EbsOptimized": "true",
        "TagSpecification.1.ResourceType": "instance",
        "TagSpecification.1.Tag.1.Key": "Name",
        "TagSpecification.1.Tag.1.Value": "web",
        "TagSpecification.1.Tag.2.Key": "team",
        "TagSpecification.1.Tag.2.Value": "physics",
        "TagSpecification.1.Tag.3.Key": "course",
        "TagSpecification.1.Tag.3.Value": "optics",
        "TagSpecification.1.Tag.4.Key": "orchestrator-marker",
        "TagSpecification.1.Tag.4.Value": MARKER,
    }


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param(
            {"networks": ["subnet-0a1b"]}, {"SubnetId": "subnet-0a1b"}, id="only a subnet"
        ),
        pytest.param(
            {"firewalls": ["sg-1", "sg-2"]},
            {"SecurityGroupId.1": "sg-1", "SecurityGroupId.2": "sg-2"},
            id="groups of the default VPC",
        ),
        pytest.param(
            {"networks": ["subnet-0a1b"], "firewalls": ["sg-1"]},
            {"SubnetId": "subnet-0a1b", "SecurityGroupId.1": "sg-1"},
            id="subnet and groups",
        ),
        pytest.param(
            {"networks": ["subnet-0a1b"], "firewalls": ["sg-1"], "public_ip": False},
            {
                "NetworkInterface.1.DeviceIndex": "0",
                "NetworkInterface.1.DeleteOnTermination": "true",
                "NetworkInterface.1.AssociatePublicIpAddress": "false",
                "NetworkInterface.1.SubnetId": "subnet-0a1b",
                "NetworkInterface.1.SecurityGroupId.1": "sg-1",
            },
            id="no public address",
        ),
        pytest.param(
            {"firewalls": ["sg-1"], "public_ip": True},
            {
                "NetworkInterface.1.DeviceIndex": "0",
                "NetworkInterface.1.DeleteOnTermination": "true",
                "NetworkInterface.1.AssociatePublicIpAddress": "true",
                "NetworkInterface.1.SecurityGroupId.1": "sg-1",
            },
            id="a public address in the default VPC",
        ),
        pytest.param(
            {"root_disk": {"keep": True}},
            {
                "BlockDeviceMapping.1.DeviceName": "/dev/sda1",
                "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "false",
            },
            id="a root disk that is kept",
        ),
        pytest.param({"spot": True}, {"InstanceMarketOptions.MarketType": "spot"}, id="spot"),
        pytest.param(
            {"options": {"ex_ebs_optimized": False}}, {"EbsOptimized": "false"}, id="false"
        ),
    ],
)
def test_only_what_was_asked_for_is_sent(
    amazon: LibcloudDriver, sent: Sent, fields: dict[str, Any], wanted: dict[str, str]
) -> None:
    attempt(amazon, fields, marker=None)
    found = run_instances(sent)
    always = {"ImageId", "InstanceType", "MinCount", "MaxCount"}
    kept = {
        name: value
        for name, value in found.items()
        if name not in always and not name.startswith("TagSpecification")
    }
    assert kept == wanted


def test_keys_by_content_go_into_user_data(amazon: LibcloudDriver, sent: Sent) -> None:
    attempt(amazon, {"ssh_keys": [SSH_KEY, SSH_KEY.replace("ann", "bob")]})
    text = base64.b64decode(run_instances(sent)["UserData"]).decode()
    first, second = text.splitlines()
    assert first == "#cloud-config"
    assert second == (f'ssh_authorized_keys: ["{SSH_KEY}", "{SSH_KEY.replace("ann", "bob")}"]')
    # A key pair that was made for them would remain if the start were refused.
    assert "KeyName" not in run_instances(sent)


def test_user_data_of_the_full_size_is_sent_in_the_body(amazon: LibcloudDriver, sent: Sent) -> None:
    node = attempt(amazon, {"user_data": "x" * 16_384})
    assert node is not None
    (request,) = sent.requests
    assert request.method == "POST"
    assert request.query == {}
    with pytest.raises(InvalidParameter, match=r"user_data: is 16385 bytes; .* at most 16384"):
        start(amazon, {"user_data": "x" * 16_385}, things=(_IMAGE, _SMALL))


class _Signer(SigV4Auth):  # type: ignore[misc]
    """Amazon's own signer. It leaves out one header that Libcloud signs, which Amazon allows."""

    def headers_to_sign(self, request: Any) -> Any:
        found = super().headers_to_sign(request)
        found["user-agent"] = request.headers["user-agent"]
        return found


def test_a_body_is_signed_as_amazon_checks_it(amazon: LibcloudDriver, sent: Sent) -> None:
    """AWS, "Signature Version 4", computed by Amazon's own library."""
    attempt(amazon, {"user_data": "#!/bin/sh\necho ~ä&=+\n", "tags": {"a b": "c/d~"}})
    (request,) = sent.requests
    told = re.fullmatch(
        "AWS4-HMAC-SHA256 Credential=k/[0-9]{8}/(?P<region>[^/]+)/ec2/aws4_request, "
        "SignedHeaders=(?P<signed>[^,]+), Signature=(?P<signature>[0-9a-f]{64})",
        request.headers["authorization"],
    )
    assert told is not None
    headers = {name: request.headers[name] for name in told["signed"].split(";")}
    assert {"host", "content-type", "x-amz-date", "x-amz-content-sha256"} <= headers.keys()
    signer = _Signer(Credentials("k", "s3cret"), "ec2", told["region"])
    url = f"https://{headers['host']}{request.path}"
    signed = AWSRequest(request.method, url, headers, request.body)
    signed.context["timestamp"] = headers["x-amz-date"]
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    assert signer.signature(text, signed) == told["signature"]


def test_the_most_keys_fit_into_user_data(amazon: LibcloudDriver, sent: Sent) -> None:
    field = core(amazon).start_fields()["ssh_keys"]
    assert not isinstance(field, str)
    assert field.max_bytes is not None
    each = field.max_bytes // 32
    keys = [f"ssh-rsa {'A' * (each - 10)}{number:02d}" for number in range(32)]
    attempt(amazon, {"ssh_keys": keys})
    assert len(base64.b64decode(run_instances(sent)["UserData"])) <= 16_384


def test_names_are_looked_up_and_ids_are_not(
    amazon: LibcloudDriver, sent: Sent, raw_ec2: Any
) -> None:
    vpc = raw_ec2.ex_list_networks()[0]
    subnet = raw_ec2.ex_create_subnet(vpc.id, "172.31.208.0/24", "eu-west-1a", name="lab subnet")
    group = raw_ec2.ex_create_security_group("lab group", "for the lab", vpc_id=vpc.id)
    fields = {"networks": ["lab subnet"], "firewalls": ["lab group"], "location": "eu-west-1a"}
    attempt(amazon, fields)
    found = sent.form_of(Action="RunInstances")
    assert (found["SubnetId"], found["SecurityGroupId.1"]) == (subnet.id, group["group_id"])
    assert len(sent.requests) == 3
    sent.requests.clear()
    attempt(amazon, {"networks": [subnet.id], "firewalls": [group["group_id"]]})
    assert len(sent.requests) == 1
    with pytest.raises(InvalidParameter, match=r"networks: there is no network .*'lab subnets'"):
        start(amazon, {"networks": ["lab subnets"]}, things=(_IMAGE, _SMALL))


_BARE: Final = Image("ami-1", "old", {"root_device_type": "instance-store"})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"networks": ["subnet-1", "subnet-2"]}, "networks: .* at most 1 entry"),
        ({"firewalls": [f"sg-{n}" for n in range(17)]}, "firewalls: .* at most 16 entries"),
        ({"location": "us-east-1a"}, "location: 'us-east-1a' is not a zone of region eu-west-1"),
        ({"keyname": "k" * 256}, "keyname: must be at most 255 characters"),
        ({"keyname": "schlüssel"}, "keyname: .* ASCII"),
        ({"ssh_keys": [SSH_KEY], "user_data": "x"}, "ssh_keys: cannot be given .* user_data"),
        ({"volumes": [{"id": "vol-1"}]}, "volumes: has 'id', which .* does not take"),
        ({"volumes": [{"size": 1}] * 12}, "volumes: .* at most 11 entries"),
        ({"volumes": [{"size": 1}] * 11}, "volumes: the image leaves no device name"),
        ({"volumes": [{"size": 10, "type": "io2"}]}, "volumes: the type 'io2' needs .* IOPS"),
        ({"root_disk": {"size": 14}}, "root_disk: size must be at least 15"),
        ({"root_disk": {"type": "io1"}}, "root_disk: the type 'io1' needs"),
        ({"tags": {"aws:team": "x"}}, "tags: the key 'aws:team' begins with 'aws:'"),
        ({"tags": {"AWS:team": "x"}}, "tags: .* begins with 'aws:'"),
        ({"tags": {"Name": "x"}}, "tags: .* use name"),
        ({"tags": {"k" * 129: "x"}}, "tags: a key must be at most 128"),
        ({"tags": {f"k{n}": "x" for n in range(49)}}, "tags: .* at most 48 entries"),
        (
            {"metadata": {"course": "x" * 257}},
            "metadata: the value of 'course' must be at most 256",
        ),
        ({"metadata": {"a\0": "x"}}, "metadata: .* must not contain control characters"),
        ({"metadata": {"a": "x\uffff"}}, "metadata: .* must not contain control characters"),
        ({"metadata": {"course": 5}}, "metadata: the value of 'course' must be text"),
        (
            {"metadata": {"course": "x"}, "tags": {"course": "y"}},
            "metadata: 'course' is also in tags",
        ),
        (
            {
                "metadata": {f"m{n}": "x" for n in range(25)},
                "tags": {f"t{n}": "" for n in range(24)},
            },
            "tags and metadata together must have at most 48",
        ),
        ({"options": {"ex_maxcount": 2}}, "options: has 'ex_maxcount', which .* does not take"),
        (
            {"options": {"ex_clienttoken": "t0ken"}},
            "options: has 'ex_clienttoken', which .* does not take",
        ),
        ({"options": {"ex_iamprofile": 5}}, "options: 'ex_iamprofile' must be text"),
        (
            {"options": {"ex_blockdevicemappings": []}, "root_disk": {"size": 30}},
            "options: 'ex_blockdevicemappings' is already set",
        ),
        ({"spot": {"max_price": -1}}, "above 0"),
    ],
)
def test_what_amazon_would_refuse_is_refused_before_anything_is_sent(
    amazon: LibcloudDriver, sent: Sent, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(Exception, match=why):
        start(amazon, fields, things=(_IMAGE, _SMALL))
    assert not sent.requests


def test_an_image_without_an_ebs_root_disk(amazon: LibcloudDriver, sent: Sent) -> None:
    with pytest.raises(InvalidParameter, match="root_disk: image ami-1 has no EBS volume"):
        start(amazon, {"root_disk": {"size": 30}}, things=(_BARE, _SMALL))
    with pytest.raises(InvalidParameter, match="name: must be at most 256"):
        start(amazon, {}, name="n" * 257, things=(_IMAGE, _SMALL))
    assert not sent.requests


def test_images_say_their_root_device(ec2: LibcloudDriver, deadline: Deadline) -> None:
    found = ec2.list_images(filters=ImageFilter(), deadline=deadline)
    assert all(image.extra["root_device_name"].startswith("/dev/") for image in found)


def test_every_field_is_taken(amazon: LibcloudDriver) -> None:
    assert not_taken(amazon) == {}


@pytest.mark.parametrize(
    ("provider", "arguments", "without"),
    [
        ("eucalyptus", {}, {"public_ip", "spot"}),
        ("outscale_sas", {}, {"public_ip", "spot"}),
        (
            "nimbus",
            {},
            {
                *("networks", "firewalls", "root_disk", "volumes", "tags", "metadata"),
                *("public_ip", "spot"),
            },
        ),
    ],
)
def test_clouds_with_amazons_api_take_less(
    served: Served, provider: str, arguments: dict[str, Any], without: set[str]
) -> None:
    region = {} if provider in ("eucalyptus", "nimbus") else {"region": "eu-west-1"}
    host = {"host": "cloud.invalid"} if not region else {}
    sent = Sent(lambda request: pytest.fail(f"{request} was sent"))
    plugin = served(provider, sent, arguments, **region, **host)
    assert set(not_taken(plugin)) == without
    for field in without:
        with pytest.raises(InvalidParameter, match=f"{field}: is not taken by cloud test: "):
            start(plugin, {field: SAMPLES[field]}, things=(_IMAGE, _SMALL))
    assert not sent.requests
