"""The optional fields of a start as the loopback EC2 API has received them, read with boto3."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import yaml

Json = dict[str, Any]


_SUBNET_ZONE = "b"
"""The letter of the zone in which the tests start a node with all fields."""


def reader(port: int, region: str) -> Any:
    """Return a boto3 client of the API that knows nothing of the plugin.

    Args:
        port: the port of the API.
        region: the region of its nodes.
    """
    import boto3  # noqa: PLC0415 - takes half a second, and only the kit needs it

    return boto3.client(
        "ec2",
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="reader",
        aws_secret_access_key="none",  # noqa: S106 - the loopback API asks for none
    )


def prepare(client: Any, region: str) -> Json:
    """Create what a start can name; return the values with which the kit gives the fields.

    A second VPC has a security group ``default`` too, so that a name is ambiguous.
    """
    client.create_vpc(CidrBlock="10.9.0.0/16")
    for name in ("laptop", "ci"):
        client.create_key_pair(KeyName=name)
    zone = region + _SUBNET_ZONE
    place = [{"Name": "availability-zone", "Values": [zone]}]
    (subnet,) = client.describe_subnets(Filters=place)["Subnets"]
    group = client.create_security_group(
        GroupName="web", Description="Allows HTTP", VpcId=subnet["VpcId"]
    )
    return {
        "keyname": "laptop",
        "networks": [subnet["SubnetId"]],
        "firewalls": [group["GroupId"]],
        "location": zone,
        "options": {"ex_ebs_optimized": True},
    }


def started_on(client: Any) -> Callable[[Mapping[str, Any]], Json]:
    """Return the function ``started`` of the conformance kit's fake."""

    def started(node: Mapping[str, Any]) -> Json:
        found = client.describe_instances(InstanceIds=[node["id"]])
        instance: Json = found["Reservations"][0]["Instances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
        root, others = _disks(client, instance)
        user_data = _user_data(client, instance)
        return {
            "keyname": instance.get("KeyName"),
            "ssh_keys": [*_public_keys(client, instance), *_keys_in(user_data)],
            "user_data": user_data,
            "networks": [instance["SubnetId"]],
            "firewalls": _groups(instance),
            "location": instance["Placement"]["AvailabilityZone"],
            "public_ip": "PublicIpAddress" in instance,
            "root_disk": root,
            "volumes": others,
            "tags": tags,
            "metadata": tags,
            "spot": {} if instance.get("InstanceLifecycle") == "spot" else None,
            "options": {"ex_ebs_optimized": instance["EbsOptimized"]},
        }

    return started


def _public_keys(client: Any, instance: Json) -> list[str]:
    if "KeyName" not in instance:
        return []
    pairs = client.describe_key_pairs(KeyNames=[instance["KeyName"]], IncludePublicKey=True)
    return [pair["PublicKey"] for pair in pairs["KeyPairs"] if pair.get("PublicKey")]


def _keys_in(user_data: str | None) -> list[str]:
    """Return the keys that cloud-init takes from user data."""
    if user_data is None or not user_data.startswith("#cloud-config"):
        return []
    config = yaml.safe_load(user_data) or {}
    keys: list[str] = config.get("ssh_authorized_keys", [])
    return keys


def _groups(instance: Json) -> list[str]:
    """Return the security groups: of the instance, or of its first interface if it has none."""
    interfaces = instance.get("NetworkInterfaces", [])[:1]
    groups = instance["SecurityGroups"] or [one for each in interfaces for one in each["Groups"]]
    return [group["GroupId"] for group in groups]


def _user_data(client: Any, instance: Json) -> str | None:
    found = client.describe_instance_attribute(
        InstanceId=instance["InstanceId"], Attribute="userData"
    )
    encoded = found["UserData"].get("Value")
    return None if encoded is None else base64.b64decode(encoded).decode()


def _disks(client: Any, instance: Json) -> tuple[Json | None, list[Json]]:
    root, others = None, []
    for mapping in instance["BlockDeviceMappings"]:
        (volume,) = client.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
        disk = {
            "size": volume["Size"],
            "type": volume["VolumeType"],
            "keep": not mapping["Ebs"]["DeleteOnTermination"],
        }
        if mapping["DeviceName"] == instance["RootDeviceName"]:
            root = disk
        else:
            others.append(disk)
    return root, others
