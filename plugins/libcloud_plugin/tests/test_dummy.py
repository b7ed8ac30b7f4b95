"""The plugin with Libcloud's own dummy provider, which supports little."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator_core import (
    Deadline,
    Image,
    ImageFilter,
    ImageNotFound,
    NodeNotFound,
    NodeState,
    Size,
    StartRequest,
    Unsupported,
)
from orchestrator_libcloud import LibcloudDriver


@pytest.fixture
def dummy(make: Callable[..., LibcloudDriver]) -> LibcloudDriver:
    return make(provider="dummy", key="anyone")


def request(**more: Any) -> StartRequest:
    return StartRequest(name="x", image=Image("1", "i"), size=Size("1", "s"), **more)


def test_what_it_is_and_has(dummy: LibcloudDriver, deadline: Deadline) -> None:
    described = dummy.describe()
    assert (described.provider, described.display_name, described.host) == (
        "dummy",
        "Dummy Node Provider",
        None,
    )
    nodes = dummy.list_nodes(deadline=deadline)
    assert [(n.id, n.name, n.state, n.public_ips, n.extra) for n in nodes] == [
        ("1", "dummy-1", NodeState.RUNNING, ["127.0.0.1"], {"foo": "bar"}),
        ("2", "dummy-2", NodeState.RUNNING, ["127.0.0.1"], {"foo": "bar"}),
    ]
    size = dummy.list_sizes(deadline=deadline)[0]
    assert (size.id, size.ram, size.disk, size.cpu) == (
        "1",
        128,
        4,
        None,
    )
    assert dummy.list_images(filters=ImageFilter(), deadline=deadline)[0].name == "Ubuntu 9.10"
    assert dummy.list_locations(deadline=deadline)[0].country == "US"
    dummy.check(deadline=deadline)


def test_starts_and_stops_in_whatever_thread(dummy: LibcloudDriver, deadline: Deadline) -> None:
    with ThreadPoolExecutor(1) as pool:
        node = pool.submit(dummy.start_vm, request=request(marker="m"), deadline=deadline).result()
    assert dummy.get_node(node_id=node.id, deadline=deadline).name == "dummy-3"
    dummy.reboot_vm(node_id=node.id, deadline=deadline)
    assert dummy.get_node(node_id=node.id, deadline=deadline).state is NodeState.REBOOTING
    dummy.stop_vm(node_id=node.id, deadline=deadline)
    with pytest.raises(NodeNotFound, match="no node '3'"):
        dummy.stop_vm(node_id=node.id, deadline=deadline)


def test_fields_of_a_start_that_it_does_not_take(dummy: LibcloudDriver) -> None:
    fields = dummy.start_fields()
    refused = {name for name, taken in fields.items() if isinstance(taken, str)}
    assert {"keyname", "metadata", "user_data", "networks"} <= refused
    assert fields["keyname"] == "Provider Dummy Node Provider has no parameter for it in Libcloud"


def test_what_it_does_not_offer(dummy: LibcloudDriver, deadline: Deadline) -> None:
    for operation in (dummy.power_on_vm, dummy.power_off_vm):
        with pytest.raises(Unsupported, match="Dummy Node Provider does not offer"):
            operation(node_id="1", deadline=deadline)
    with pytest.raises(Unsupported, match="keeps nothing"):
        dummy.find_node(marker="m", deadline=deadline)
    with pytest.raises(ImageNotFound):
        dummy.get_image(image_id="9", deadline=deadline)


def test_a_false_answer_is_a_failure(
    dummy: LibcloudDriver, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from libcloud.compute.drivers.dummy import DummyNodeDriver  # noqa: PLC0415 - only here

    monkeypatch.setattr(DummyNodeDriver, "destroy_node", lambda *_: False)
    with pytest.raises(Exception, match="Cloud aws did not delete node '1'"):
        dummy.stop_vm(node_id="1", deadline=deadline)
