"""The tutorial "From nothing to a VM that you can log in to" on EC2 and OpenStack.

The login itself is in tests/login: the VMs of these clouds do not run.
"""

from __future__ import annotations

import base64
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from nova_create import Project
from openstack_cloud import Answer, OpenStack, flavor, image, serving

from tests.conftest import running
from tests.login.test_tutorial_login import EC2, KEYGEN, OPENSTACK, STEPS, run_steps

WITHOUT_LOGIN: Final = [step for step in STEPS if '"ssh"' not in step]

_STATE: Final = '[state]\nurl = "sqlite:///{folder}/state.db"\n'
_IMAGE: Final = "11111111-0000-4000-8000-000000000001"
_NET: Final = "22222222-0000-4000-8000-000000000001"
_GROUP: Final = "33333333-0000-4000-8000-000000000001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subprocess.run(shlex.split(KEYGEN), cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def amazon(ec2_port: int) -> Any:
    """Return an account with the image, the subnet and the group of the page."""
    boto = boto3.client(
        "ec2",
        endpoint_url=f"http://127.0.0.1:{ec2_port}",
        region_name="eu-west-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMIexample",
    )
    boto.register_image(Name="debian-12-amd64", RootDeviceName="/dev/xvda", Architecture="x86_64")
    vpc = boto.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = boto.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    boto.create_tags(Resources=[subnet], Tags=[{"Key": "Name", "Value": "tutorial-subnet"}])
    boto.create_security_group(VpcId=vpc, GroupName="ssh-from-anywhere", Description="ssh")
    return boto


def test_on_ec2(amazon: Any, ec2_port: int, folder: Path) -> None:
    settings = f"""{_STATE.format(folder=folder)}
[clouds.aws]
driver = "libcloud"
provider = "ec2"
key = "env:TUTORIAL_KEY"
secret = "env:TUTORIAL_SECRET"
region = "eu-west-1"
image_owner = ["self"]
host = "127.0.0.1"
port = {ec2_port}
secure = false
"""
    secrets = {"TUTORIAL_KEY": "AKIAIOSFODNN7EXAMPLE", "TUTORIAL_SECRET": "wJalrXUtnFEMIexample"}
    with running(settings, folder, secrets) as server:
        printed = run_steps(server, folder, EC2, WITHOUT_LOGIN)
    assert "['debian-12-amd64']" in printed
    assert "networks yes" in printed
    assert "deleted" in printed
    (started,) = [
        instance
        for reservation in amazon.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
        if {"Key": "Name", "Value": "tutorial"} in instance["Tags"]
    ]
    told = amazon.describe_instance_attribute(
        InstanceId=started["InstanceId"], Attribute="userData"
    )
    sent = base64.b64decode(told["UserData"]["Value"]).decode()
    assert (folder / "tutorial_key.pub").read_text().strip() in sent


@pytest.fixture
def nova() -> Iterator[OpenStack]:
    project = Project(
        images={_IMAGE}, flavors={"1"}, networks={_NET: "private"}, groups={_GROUP: "default"}
    )
    debian = image(1) | {"id": _IMAGE, "name": "debian-12"}
    small = flavor(1) | {"name": "m1.small"}
    cloud = OpenStack(project=project, images=[debian], flavors=[small])

    def before(method: str, path: str, _query: dict[str, str]) -> Answer | None:
        """Let each server boot before it is looked at, and delete servers."""
        for server in cloud.servers:
            address = {"addr": "10.0.0.9", "version": 4, "OS-EXT-IPS:type": "fixed"}
            server.update(status="ACTIVE", addresses={"private": [address]})
        if method != "DELETE":
            return None
        cloud.servers[:] = [one for one in cloud.servers if not path.endswith(one["id"])]
        return 204, {}, b""

    cloud.before = before
    with serving(cloud) as one:
        yield one


def test_on_openstack(nova: OpenStack, folder: Path) -> None:
    settings = f"""{_STATE.format(folder=folder)}
[clouds.openstack]
driver = "libcloud"
provider = "openstack"
key = "ada"
secret = "env:TUTORIAL_PASSWORD"
[clouds.openstack.arguments]
ex_force_auth_url = "{nova.url("/v3")}"
ex_tenant_name = "physics"
"""
    with running(settings, folder, {"TUTORIAL_PASSWORD": "p"}) as server:
        printed = run_steps(server, folder, OPENSTACK, WITHOUT_LOGIN)
    assert "['debian-12']" in printed
    assert "deleted" in printed
    ((body,),) = [nova.created]
    sent = base64.b64decode(body["server"]["user_data"]).decode()
    assert (folder / "tutorial_key.pub").read_text().strip() in sent
    assert body["server"]["networks"] == [{"uuid": _NET}]
