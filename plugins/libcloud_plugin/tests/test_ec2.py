"""The plugin against a real EC2 API."""

from __future__ import annotations

import json
import uuid
from typing import Any

import orjson
import pytest

from orchestrator_core import (
    Deadline,
    Image,
    ImageFilter,
    ImageNotFound,
    InvalidParameter,
    Node,
    NodeNotFound,
    NodeState,
    Size,
    SizeNotFound,
    StartRequest,
)
from orchestrator_libcloud import LibcloudDriver

SMALL = Size("t3.small", "t3.small")


@pytest.fixture(scope="module")
def image(ec2: LibcloudDriver) -> Image:
    return ec2.list_images(filters=ImageFilter(), deadline=Deadline(30))[0]


def new_marker() -> str:
    return f"0123456789ab-{uuid.uuid4().hex}"


def start(
    ec2: LibcloudDriver, deadline: Deadline, image: Image, name: str = "web", **more: Any
) -> Node:
    request = StartRequest(name=name, image=image, size=SMALL, **more)
    return ec2.start_vm(request=request, deadline=deadline)


def test_describes_itself_without_the_network(ec2: LibcloudDriver) -> None:
    described = ec2.describe()
    assert (described.provider, described.display_name) == ("ec2", "Amazon EC2")
    assert described.host == "127.0.0.1"


def test_check_passes(ec2: LibcloudDriver, deadline: Deadline) -> None:
    ec2.check(deadline=deadline)


def test_lists_images_sizes_and_locations(ec2: LibcloudDriver, deadline: Deadline) -> None:
    images = ec2.list_images(filters=ImageFilter(), deadline=deadline)
    sizes = ec2.list_sizes(deadline=deadline)
    locations = ec2.list_locations(deadline=deadline)
    assert len(images) > 10
    assert all(image.id.startswith("ami-") for image in images)
    small = next(size for size in sizes if size.id == "t3.small")
    assert (small.ram, small.cpu) == (2048, 2)
    assert [location.name for location in locations][:1] == ["eu-west-1a"]
    orjson.dumps([[image.extra for image in images], [size.extra for size in sizes]])


def test_one_life_of_a_node(
    ec2: LibcloudDriver, deadline: Deadline, image: Image, key_pair: str
) -> None:
    marker = new_marker()
    node = start(
        ec2, deadline, image, keyname=key_pair, metadata={"team": "physics"}, marker=marker
    )

    assert node.name == "web"
    assert node.extra["key_name"] == key_pair
    assert node.extra["tags"] == {"Name": "web", "team": "physics"}

    listed = next(n for n in ec2.list_nodes(deadline=deadline) if n.id == node.id)
    got = ec2.get_node(node_id=node.id, deadline=deadline)
    found = ec2.find_node(marker=marker, deadline=deadline)
    for seen in (listed, got, found):
        assert (seen.id, seen.name) == (node.id, "web")
        assert seen.state is NodeState.RUNNING
        assert seen.extra["tags"] == {"Name": "web", "team": "physics"}
        assert seen.private_ips
    for seen in (node, listed, got, found):
        assert seen.marker == marker
        assert marker not in json.dumps([seen.name, seen.extra, seen.secrets])

    ec2.reboot_vm(node_id=node.id, deadline=deadline)
    ec2.power_off_vm(node_id=node.id, deadline=deadline)
    assert ec2.get_node(node_id=node.id, deadline=deadline).state is NodeState.STOPPED
    ec2.power_on_vm(node_id=node.id, deadline=deadline)
    assert ec2.get_node(node_id=node.id, deadline=deadline).state is NodeState.RUNNING

    ec2.stop_vm(node_id=node.id, deadline=deadline)
    assert ec2.get_node(node_id=node.id, deadline=deadline).state is NodeState.TERMINATED


def test_metadata_and_marker_are_tags_of_the_node(
    ec2: LibcloudDriver, raw_ec2: Any, deadline: Deadline, image: Image
) -> None:
    marker = new_marker()
    node = start(ec2, deadline, image, metadata={"team": "physics"}, marker=marker)
    (raw,) = raw_ec2.list_nodes(ex_node_ids=[node.id])
    assert raw.extra["tags"] == {
        "Name": "web",
        "team": "physics",
        "orchestrator-marker": marker,
    }
    assert raw.extra["client_token"] == marker


def test_the_same_marker_sent_twice_makes_one_node(
    ec2: LibcloudDriver, deadline: Deadline, image: Image
) -> None:
    marker = new_marker()
    first = start(ec2, deadline, image, marker=marker)
    again = start(ec2, deadline, image, marker=marker)
    assert again.id == first.id
    assert [n.id for n in ec2.list_nodes(deadline=deadline) if n.marker == marker] == [first.id]
    other = start(ec2, deadline, image, marker=new_marker())
    assert other.id != first.id
    assert start(ec2, deadline, image).id != start(ec2, deadline, image).id


def test_a_node_whose_tag_was_taken_off_is_known_by_its_client_token(
    ec2: LibcloudDriver, raw_ec2: Any, deadline: Deadline, image: Image
) -> None:
    marker = new_marker()
    node = start(ec2, deadline, image, marker=marker)
    (raw,) = raw_ec2.list_nodes(ex_node_ids=[node.id])
    raw_ec2.ex_delete_tags(raw, {"orchestrator-marker": marker})
    assert ec2.find_node(marker=marker, deadline=deadline).id == node.id
    got = ec2.get_node(node_id=node.id, deadline=deadline)
    assert got.marker == marker
    assert marker not in json.dumps(got.extra)


def test_a_key_pair_that_is_not_there(
    ec2: LibcloudDriver, deadline: Deadline, image: Image
) -> None:
    before = len(ec2.list_nodes(deadline=deadline))
    with pytest.raises(InvalidParameter, match="keyname: there is no key pair") as caught:
        start(ec2, deadline, image, keyname="nobody")
    assert caught.value.field == "keyname"
    assert len(ec2.list_nodes(deadline=deadline)) == before


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"n": 5}, "'n' must be text, not a number"),
        ({"n": None}, "'n' must be text, not null"),
        ({"n": True}, "not a boolean"),
        ({"n": ["a"]}, "not a list"),
        ({"n": {}}, "not an object"),
        ({"": "x"}, "must not be empty"),
        ({"Name": "x"}, "use name"),
        ({"orchestrator-marker": "x"}, "reserved"),
    ],
)
def test_metadata_that_cannot_be_tags_is_refused_before_anything_is_created(
    ec2: LibcloudDriver,
    deadline: Deadline,
    image: Image,
    metadata: dict[str, Any],
    why: str,
) -> None:
    before = len(ec2.list_nodes(deadline=deadline))
    with pytest.raises(InvalidParameter, match=why):
        start(ec2, deadline, image, metadata=metadata)
    assert len(ec2.list_nodes(deadline=deadline)) == before


def test_unknown_things_are_named(ec2: LibcloudDriver, deadline: Deadline) -> None:
    with pytest.raises(ImageNotFound, match="no image 'ami-00000000'"):
        ec2.get_image(image_id="ami-00000000", deadline=deadline)
    with pytest.raises(ImageNotFound, match="no image 'nonsense'"):
        ec2.get_image(image_id="nonsense", deadline=deadline)
    with pytest.raises(SizeNotFound, match="no size 'gigantic'"):
        ec2.get_size(size_id="gigantic", deadline=deadline)
    for wanted in ("i-0123456789abcdef0", "nonsense", ""):
        with pytest.raises(NodeNotFound, match=f"no node '{wanted}'"):
            ec2.get_node(node_id=wanted, deadline=deadline)
        with pytest.raises(NodeNotFound):
            ec2.stop_vm(node_id=wanted, deadline=deadline)
        with pytest.raises(NodeNotFound):
            ec2.reboot_vm(node_id=wanted, deadline=deadline)
    with pytest.raises(NodeNotFound):
        ec2.find_node(marker="nobody's", deadline=deadline)


def test_starting_from_an_image_that_is_not_there(ec2: LibcloudDriver, deadline: Deadline) -> None:
    with pytest.raises(ImageNotFound):
        start(ec2, deadline, Image("ami-00000000", "gone"))


def test_gets_one_image_and_one_size(ec2: LibcloudDriver, deadline: Deadline, image: Image) -> None:
    assert ec2.get_image(image_id=image.id, deadline=deadline) == image
    assert ec2.get_size(size_id="t3.small", deadline=deadline).cpu == 2


def test_an_elastic_address_is_shown_once(
    ec2: LibcloudDriver, raw_ec2: Any, deadline: Deadline, image: Image
) -> None:
    node = start(ec2, deadline, image)
    (raw,) = raw_ec2.list_nodes(ex_node_ids=[node.id])
    address = raw_ec2.ex_allocate_address()
    raw_ec2.ex_associate_address_with_node(raw, address)
    (raw,) = raw_ec2.list_nodes(ex_node_ids=[node.id])
    assert raw.public_ips.count(address.ip) == 2
    assert ec2.get_node(node_id=node.id, deadline=deadline).public_ips == [address.ip]


def test_amazon_gets_the_filters_of_images(ec2: LibcloudDriver, deadline: Deadline) -> None:
    every = ec2.list_images(filters=ImageFilter(), deadline=deadline)
    some = ec2.list_images(filters=ImageFilter(name="amzn-ami-*"), deadline=deadline)
    assert some == [image for image in every if image.name.startswith("amzn-ami-")]
    assert 0 < len(some) < len(every)
    arm = ec2.list_images(filters=ImageFilter(architecture="arm64"), deadline=deadline)
    assert len(arm) < len(every)
    own = ec2.list_images(filters=ImageFilter(owner="self"), deadline=deadline)
    # Other tests make images at the same server.
    assert own == [image for image in every if image.extra["owner_id"] == "123456789012"]
