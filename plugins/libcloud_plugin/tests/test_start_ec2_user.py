"""A start on EC2 as a user makes it: through a server, read back through moto's own API."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from start_cases import SSH_KEY

from tests.conftest import running
from tests.stateful import Api

_USER_DATA = "#cloud-config\npackages: [git]\n"


@pytest.fixture(scope="module")
def amazon(ec2_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    lines = [
        'default_cloud = "aws"',
        '[state]\nurl = "sqlite:///state.db"',
        '[clouds.aws]\ndriver = "libcloud"\ndestroy = "own"\nstart_options = ["ex_ebs_optimized"]',
    ]
    for key, value in ec2_settings.items():
        written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        lines.append(f"{key} = {written}")
    lines.append('[clouds.aws.start]\ntags = { owner = "lab" }')
    secrets = {"TEST_EC2_KEY": "AKIAIOSFODNN7EXAMPLE", "TEST_EC2_SECRET": "wJalrXUtnFEMIexample"}
    with running("\n".join(lines), tmp_path_factory.mktemp("aws"), secrets) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            yield api


@pytest.fixture(scope="module")
def boto(ec2_port: int) -> Any:
    return boto3.client(
        "ec2",
        endpoint_url=f"http://127.0.0.1:{ec2_port}",
        region_name="eu-west-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMIexample",
    )


@pytest.fixture(scope="module")
def lab(boto: Any) -> dict[str, Any]:
    """Make a VPC with a subnet, two security groups and a key pair."""
    own = uuid.uuid4().hex[:8]
    vpc = boto.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = boto.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24", AvailabilityZone="eu-west-1b")[
        "Subnet"
    ]["SubnetId"]
    boto.create_tags(Resources=[subnet], Tags=[{"Key": "Name", "Value": f"lab-{own}"}])
    groups = [
        boto.create_security_group(VpcId=vpc, GroupName=f"{name}-{own}", Description=name)
        for name in ("web", "ssh")
    ]
    boto.create_key_pair(KeyName=f"ann-{own}")
    names = {"subnet_name": f"lab-{own}", "group_names": [f"web-{own}", f"ssh-{own}"]}
    return {
        "subnet": subnet,
        "groups": [group["GroupId"] for group in groups],
        "key": f"ann-{own}",
        **names,
    }


def start(amazon: Api, **fields: Any) -> Any:
    image = next(i["id"] for i in amazon.get("/images")["images"] if "amzn" in i["name"])
    order = {"name": "web", "image": image, "size": "t3.small", **fields}
    return amazon.http.post("/vm/start", json=order)


def instance(boto: Any, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found = boto.describe_instances(InstanceIds=[answer.json()["nodes"]["id"]])
    (one,) = found["Reservations"][0]["Instances"]
    assert isinstance(one, dict)
    return one


def test_a_vm_with_everything_that_a_user_wants(
    amazon: Api, boto: Any, lab: dict[str, Any]
) -> None:
    made = instance(
        boto,
        start(
            amazon,
            networks=[lab["subnet_name"]],
            firewalls=lab["group_names"],
            keyname=lab["key"],
            user_data=_USER_DATA,
            location="eu-west-1b",
            public_ip=True,
            root_disk={"size": 30, "type": "gp3", "keep": True},
            volumes=[{"size": 10}],
            tags={"team": "physics"},
            spot={"max_price": 0.05},
            options={"ex_ebs_optimized": True},
        ),
    )
    assert made["SubnetId"] == lab["subnet"]
    (interface,) = made["NetworkInterfaces"]
    assert {group["GroupId"] for group in interface["Groups"]} == set(lab["groups"])
    assert made["PublicIpAddress"]
    assert made["KeyName"] == lab["key"]
    assert made["InstanceLifecycle"] == "spot"
    assert made["Placement"]["AvailabilityZone"] == "eu-west-1b"
    assert made["EbsOptimized"] is True
    tags = {tag["Key"]: tag["Value"] for tag in made["Tags"]}
    assert tags.pop("orchestrator-marker")
    assert tags == {"Name": "web", "owner": "lab", "team": "physics"}
    told = boto.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="userData")
    assert base64.b64decode(told["UserData"]["Value"]).decode() == _USER_DATA
    disks = {one["DeviceName"]: one["Ebs"] for one in made["BlockDeviceMappings"]}
    root = disks.pop(made["RootDeviceName"])
    assert root["DeleteOnTermination"] is False
    (volume,) = boto.describe_volumes(VolumeIds=[root["VolumeId"]])["Volumes"]
    assert (volume["Size"], volume["VolumeType"]) == (30, "gp3")
    (further,) = disks.values()
    assert further["DeleteOnTermination"] is True
    (volume,) = boto.describe_volumes(VolumeIds=[further["VolumeId"]])["Volumes"]
    assert volume["Size"] == 10


def test_a_vm_without_a_public_address_and_with_keys_by_content(
    amazon: Api, boto: Any, lab: dict[str, Any]
) -> None:
    pairs = boto.describe_key_pairs()["KeyPairs"]
    made = instance(
        boto,
        start(
            amazon,
            networks=[lab["subnet"]],
            firewalls=lab["groups"][:1],
            public_ip=False,
            ssh_keys=[SSH_KEY],
        ),
    )
    assert made["SubnetId"] == lab["subnet"]
    assert [group["GroupId"] for group in made["NetworkInterfaces"][0]["Groups"]] == (
        lab["groups"][:1]
    )
    assert not made.get("PublicIpAddress")
    told = boto.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="userData")
    assert SSH_KEY in base64.b64decode(told["UserData"]["Value"]).decode()
    assert boto.describe_key_pairs()["KeyPairs"] == pairs


def test_the_lists_name_what_a_start_takes(amazon: Api, lab: dict[str, Any]) -> None:
    networks = {one["id"]: one for one in amazon.read("/clouds/aws/networks")["networks"]}
    assert networks[lab["subnet"]]["name"] == lab["subnet_name"]
    firewalls = {
        one["name"]: one["id"] for one in amazon.read("/clouds/aws/firewalls")["firewalls"]
    }
    assert [firewalls[name] for name in lab["group_names"]] == lab["groups"]
    assert lab["key"] in {one["name"] for one in amazon.read("/clouds/aws/keypairs")["keypairs"]}
    fields = amazon.get("/cloud/aws")["cloud"]["start_fields"]
    assert fields["networks"]["limit"] == 1
    assert fields["user_data"]["max_bytes"] == 16_384
    assert "user data" in fields["ssh_keys"]["note"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"networks": ["nowhere"]}, "networks: there is no network"),
        ({"firewalls": ["sg-0123456789abcdef0"]}, "firewalls: "),
        ({"networks": ["subnet-0123456789abcdef0"]}, "networks: "),
        (
            {"keyname": "no-such-key"},
            "keyname: there is no key pair with the id or name 'no-such-key'",
        ),
        ({"keyname": "no-such-key", "user_data": "x"}, "keyname: there is no key pair"),
        ({"options": {"ex_maxcount": 2}}, "do not allow 'ex_maxcount'"),
    ],
)
def test_a_refusal_names_the_field_and_creates_nothing(
    amazon: Api, boto: Any, fields: dict[str, Any], why: str
) -> None:
    def count() -> int:
        return sum(len(one["Instances"]) for one in boto.describe_instances()["Reservations"])

    before = count()
    answer = start(amazon, **fields)
    assert answer.status_code == 400, answer.text
    assert why in answer.json()["message"]
    assert count() == before
    # A refusal of a request with a body is as final as one of a request with a URL.
    if operation := answer.json().get("operation"):
        assert amazon.operation(operation)["state"] == "failed"
