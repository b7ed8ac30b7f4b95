"""A start with every field, through the plugin and through Libcloud alone: requests and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from libcloud.compute.base import NodeSize
from libcloud.compute.providers import get_driver
from requests import Session

from benchmarks import libcloud_nodes
from benchmarks.ratio import Ratio
from benchmarks.upstreams import upstream
from orchestrator_core import (
    Deadline,
    Image,
    PluginContext,
    RootDisk,
    Size,
    Spot,
    StartRequest,
    Volume,
)
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.fake import ec2_server

PAIRS: Final = 41
SECONDS_OF_NOVA: Final = 0.05
"""The time of each of Nova's two answers to a start; a real Nova takes several times as long."""

_USER_DATA: Final = "#cloud-config\npackages: [git]\n" + "# " + "x" * 4000
_TAGS: Final = {"team": "physics", "course": "optics"}
_NETWORKS: Final = (
    "22222222-0000-4000-8000-000000000001",
    "22222222-0000-4000-8000-000000000002",
)
_IMAGE: Final = "11111111-0000-4000-8000-000000000001"

Start = Callable[[], Any]


def measure(directory: Path) -> list[Ratio]:
    """Measure both clouds, one after the other."""
    with ec2_server(remembers=False) as port:
        found = _compare("EC2", *_amazon(directory, port))
    with upstream("-m", "benchmarks.nova", str(SECONDS_OF_NOVA)) as port:
        found += _compare("OpenStack", *_openstack(directory, port))
    return found


def _compare(cloud: str, ours: Start, theirs: Start) -> list[Ratio]:
    requests, times = [], []
    for number in range(PAIRS + 1):
        counts, took = zip(_one(ours), _one(theirs), strict=True)
        if number:  # The first round logs in.
            requests.append((float(counts[0]), float(counts[1])))
            times.append((took[0], took[1]))
    what = f"a start with every field on {cloud} to Libcloud alone"
    return [
        Ratio(f"requests of {what}", requests, at_most=1.0),
        Ratio(f"milliseconds of {what}", times, at_most=1.1),
    ]


def _one(start: Start) -> tuple[int, float]:
    with _counted() as sent:
        begun = time.perf_counter()
        start()
        return len(sent), 1000 * (time.perf_counter() - begun)


@contextmanager
def _counted() -> Iterator[list[str]]:
    """Record the requests that leave this process; both sides send them with one library."""
    sent: list[str] = []
    session_class: Any = Session
    send = session_class.send

    def counting(session: Any, request: Any, **more: Any) -> Any:
        sent.append(request.url)
        return send(session, request, **more)

    session_class.send = counting
    try:
        yield sent
    finally:
        session_class.send = send


def _plugin(directory: Path, settings: dict[str, Any]) -> LibcloudDriver:
    secret = directory / "secret"
    secret.write_text("not-a-secret-of-anything")
    loaded = LibcloudDriver.settings_schema().load({"secret": f"file:{secret}", **settings})
    return LibcloudDriver(PluginContext(name="cloud", run_directory=directory), loaded)


def _amazon(directory: Path, port: int) -> tuple[Start, Start]:
    alone = libcloud_nodes.driver(port)
    vpc = alone.ex_list_networks()[0]
    subnet = alone.ex_list_subnets()[0]
    groups = [alone.ex_create_security_group(n, n, vpc_id=vpc.id)["group_id"] for n in "ab"]
    alone.create_key_pair("ann")
    place = {"region": "eu-west-1", "host": "127.0.0.1", "port": port, "secure": False}
    plugin = _plugin(directory, {"provider": "ec2", "key": "AKIAIOSFODNN7EXAMPLE", **place})
    listed = next(one for one in alone.list_images() if one.extra["root_device_type"] == "ebs")
    image = plugin.get_image(image_id=listed.id, deadline=Deadline(30))
    device = image.extra["root_device_name"]
    request = StartRequest(
        "web",
        image,
        Size("t3.small", "t3.small"),
        keyname="ann",
        user_data=_USER_DATA,
        networks=[subnet.id],
        firewalls=groups,
        location=subnet.extra["zone"],
        public_ip=True,
        root_disk=RootDisk(size=200, type="gp3", keep=True),
        volumes=[Volume(size=10)],
        tags=_TAGS,
        spot=Spot(max_price=0.05),
    )
    zone = SimpleNamespace(name=subnet.extra["zone"], region_name="eu-west-1")
    disk = {"VolumeSize": 200, "VolumeType": "gp3", "DeleteOnTermination": "false"}
    more = {"VolumeSize": 10, "DeleteOnTermination": "true"}

    def theirs() -> Any:
        return alone.create_node(
            name="web",
            image=listed,
            size=NodeSize("t3.small", "t3.small", 0, 0, None, 0.0, alone),
            location=SimpleNamespace(availability_zone=zone),
            ex_keyname="ann",
            ex_userdata=_USER_DATA,
            ex_subnet=subnet,
            ex_security_group_ids=groups,
            ex_assign_public_ip=True,
            ex_blockdevicemappings=[
                {"DeviceName": device, "Ebs": disk},
                {"DeviceName": "/dev/sdf", "Ebs": more},
            ],
            ex_metadata=_TAGS,
            ex_spot=True,
            ex_spot_max_price=0.05,
        )

    return lambda: plugin.start_vm(request=request, deadline=Deadline(30)), theirs


def _openstack(directory: Path, port: int) -> tuple[Start, Start]:
    auth = f"http://127.0.0.1:{port}"
    made: Any = get_driver("openstack")
    alone = made(
        *("ada", "not-a-secret-of-anything"),
        secure=False,
        ex_force_auth_url=auth,
        ex_force_auth_version="3.x_password",
        ex_tenant_name="physics",
        ex_domain_name="Default",
        api_version="2.2",
    )
    arguments = {"ex_force_auth_url": auth, "ex_tenant_name": "physics"}
    plugin = _plugin(directory, {"provider": "openstack", "key": "ada", "arguments": arguments})
    request = StartRequest(
        "web",
        Image(_IMAGE, "debian"),
        Size("2", "m1.small", disk=20),
        keyname="ann",
        user_data=_USER_DATA,
        networks=_NETWORKS,
        firewalls=["web", "ssh"],
        location="nova",
        root_disk=RootDisk(size=30, keep=True),
        volumes=[Volume(size=10)],
        metadata=dict(_TAGS),
    )
    boot = {"boot_index": 0, "source_type": "image", "uuid": _IMAGE, "volume_size": 30}
    more = {"boot_index": -1, "source_type": "blank", "volume_size": 10}
    disks = [
        {**boot, "destination_type": "volume", "delete_on_termination": False},
        {**more, "destination_type": "volume", "delete_on_termination": True},
    ]

    def theirs() -> Any:
        return alone.create_node(
            name="web",
            image=None,
            size=NodeSize("2", "m1.small", 0, 0, None, 0.0, alone),
            ex_keyname="ann",
            ex_userdata=_USER_DATA,
            networks=[SimpleNamespace(id=one) for one in _NETWORKS],
            ex_security_groups=[SimpleNamespace(name=one) for one in ("web", "ssh")],
            ex_availability_zone="nova",
            ex_blockdevicemappings=disks,
            ex_metadata=dict(_TAGS),
        )

    return lambda: plugin.start_vm(request=request, deadline=Deadline(30)), theirs
