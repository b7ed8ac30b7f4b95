"""A VM that its cloud does not show for some moments after its start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from orchestrator_core.testing.targets.api import Answer
from tests.selection.clouds import World, world

START = {"name": "late", "image": "img-1", "size": "s"}


@pytest.fixture
def late(tmp_path: Path) -> Iterator[World]:
    # Without this, the first scan for orphans could see the VM before the test requests it.
    import_module("unreliable_reads").LateCloud.asked = 0
    with world(tmp_path, "unreliable_reads:LateCloud", cloud={"visibility_timeout": 20}) as one:
        yield one


@pytest.fixture
def started(late: World) -> tuple[World, str]:
    node_id = late.api.post("/vm/start", START).json["nodes"]["id"]
    cloud = import_module("unreliable_reads").LateCloud
    cloud.asked = 0
    return late, node_id


CALLS: dict[str, Callable[[World, str], Answer]] = {
    "reboot": lambda one, node: one.api.put("/vm/action/reboot", {"node": node}),
    "reboot by name": lambda one, _: one.api.put("/vm/action/reboot", {"hostname": "late"}),
    "poweroff": lambda one, node: one.api.put("/vm/action/poweroff", {"node": node}),
    "poweron by name": lambda one, _: one.api.put("/vm/action/poweron", {"hostname": "late"}),
    "stop": lambda one, node: one.api.put("/vm/stop", {"node": node}),
    "stop by name": lambda one, _: one.api.put("/vm/stop", {"hostname": "late"}),
    "assign": lambda one, node: one.assign(node=node),
    "assign by name": lambda one, _: one.assign(hostname="late"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_it_is_waited_for(started: tuple[World, str], call: Callable[[World, str], Answer]) -> None:
    answer = call(*started)
    assert answer.status == 200, answer


def test_a_read_shows_it_at_once_as_pending(started: tuple[World, str]) -> None:
    late, node_id = started
    nodes = late.api.get(f"/nodes/cloud/{node_id}").json["nodes"]
    assert (nodes["id"], nodes["name"], nodes["state"]) == (node_id, "late", 3)
    assert import_module("unreliable_reads").LateCloud.asked == 1


def test_one_that_was_not_started_here_is_not(late: World) -> None:
    began = time.monotonic()
    answer = late.api.get("/nodes/cloud/i-9999")
    assert answer.error_code == "node_not_found"
    assert time.monotonic() - began < 5


def test_it_is_waited_for_no_longer_than_the_operation_may_take(tmp_path: Path) -> None:
    limits = {"visibility_timeout": 60, "deadlines": {"power_off_vm": 1, "reboot_vm": 1}}
    with world(tmp_path, "unreliable_reads:LateCloud", cloud=limits) as one:
        cloud = import_module("unreliable_reads").LateCloud
        node_id = one.api.post("/vm/start", START).json["nodes"]["id"]
        for call in ("poweroff", "reboot"):
            cloud.asked = -1000
            began = time.monotonic()
            answer = CALLS[call](one, node_id)
            assert answer.error_code == "node_not_found", answer
            assert 0.5 < time.monotonic() - began < 5


def test_it_is_waited_for_no_longer_than_the_cloud_may_hide_it(tmp_path: Path) -> None:
    with world(tmp_path, "unreliable_reads:LateCloud", cloud={"visibility_timeout": 0.5}) as one:
        cloud = import_module("unreliable_reads").LateCloud
        node_id = one.api.post("/vm/start", START).json["nodes"]["id"]
        cloud.asked = -1000
        began = time.monotonic()
        while one.api.get(f"/nodes/cloud/{node_id}").error_code != "node_not_found":
            assert time.monotonic() - began < 10
            time.sleep(0.05)
        assert CALLS["poweroff"](one, node_id).error_code == "node_not_found"
