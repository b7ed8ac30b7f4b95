"""Each fault of the settings, as the core meets it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    Conflict,
    CredentialsRefused,
    Deadline,
    Image,
    InvalidAnswer,
    NodeNotFound,
    NodeState,
    QuotaExceeded,
    RateLimited,
    Size,
    StartRequest,
)
from orchestrator_dummy import FaultInjectionDriver
from orchestrator_dummy.faults import CHANGES, READS

Make = Callable[..., FaultInjectionDriver]

REQUEST = StartRequest("ignored", Image("1", "i"), Size("1", "s"), marker="mark")
PATIENCE = 20.0
MORE: dict[str, list[Any]] = {
    "resize_vm": [Size("2", "m")],
    "rename_vm": ["n"],
    "create_image": ["n"],
}
"""The arguments of hooks beside the node's id."""


def call(cloud: FaultInjectionDriver, operation: str, deadline: Deadline | None = None) -> Any:
    """Call a hook with suitable arguments; a hook that takes a node id gets node 1."""
    deadline = deadline or Deadline(60)
    if operation == "check":
        return cloud.check(deadline)
    hook = getattr(cloud, operation)
    if operation == "start_vm":
        return hook(REQUEST, deadline, {})
    if operation == "find_node":
        return hook("mark", deadline, {})
    if operation.startswith("list_"):
        return hook(deadline, {})
    return hook("1", *MORE.get(operation, []), deadline, {})


def ids(cloud: FaultInjectionDriver) -> list[str]:
    return [node.id for node in cloud.list_nodes(Deadline(60), {})]


@pytest.mark.parametrize("faults", [None, {}, {"error": "quota", "seed": 1}])
def test_without_faults_it_is_the_dummy_cloud(make_cloud: Make, faults: Any) -> None:
    cloud = make_cloud(faults)
    assert cloud.describe().provider == "dummy"
    assert call(cloud, "start_vm").id == "3"
    assert ids(cloud) == ["1", "2", "3"]
    assert call(cloud, "find_node").id == "3"
    for act, state in (("power_off_vm", "STOPPED"), ("power_on_vm", "RUNNING")):
        call(cloud, act)
        assert call(cloud, "get_node").state is NodeState[state]
    call(cloud, "reboot_vm")
    call(cloud, "stop_vm")
    assert ids(cloud) == ["2", "3"]
    call(cloud, "check")
    names = ("list_images", "list_sizes", "list_locations")
    assert [len(call(cloud, name)) for name in names] == [3, 4, 2]


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("failed", CloudError),
        ("unreachable", CloudUnreachable),
        ("credentials", CredentialsRefused),
        ("quota", QuotaExceeded),
        ("conflict", Conflict),
        ("invalid_answer", InvalidAnswer),
    ],
)
def test_an_error_of_each_kind_comes_before_anything_is_done(
    make_cloud: Make, word: str, error: type[Exception]
) -> None:
    cloud = make_cloud({"error_rate": 1, "error": word})
    for operation in (*READS, *CHANGES):
        with pytest.raises(error, match=r"Cloud cloud .*on purpose") as raised:
            call(cloud, operation)
        assert type(raised.value) is error
    assert ids(make_cloud()) == ["1", "2"]


@pytest.mark.parametrize("retry_after", [7.5, None])
def test_a_rate_limit_refuses_the_call_whole(make_cloud: Make, retry_after: float | None) -> None:
    told = {} if retry_after is None else {"retry_after": retry_after}
    cloud = make_cloud({"rate_limit_rate": 1, **told})
    with pytest.raises(RateLimited) as raised:
        call(cloud, "start_vm")
    assert raised.value.retry_after == retry_after
    assert raised.value.repeat_is_safe
    assert ids(make_cloud()) == ["1", "2"]


def test_a_lost_answer_comes_after_the_work_and_only_to_changes(make_cloud: Make) -> None:
    cloud = make_cloud({"lost_answer_rate": 1})
    for operation in (name for name in CHANGES if name != "stop_vm"):
        with pytest.raises(CloudUnreachable) as raised:
            call(cloud, operation)
        assert not raised.value.repeat_is_safe
    assert call(cloud, "find_node").id == "3"
    assert call(cloud, "get_node").state is NodeState.STOPPED
    with pytest.raises(CloudUnreachable):
        call(cloud, "stop_vm")
    assert ids(cloud) == ["2", "3"]
    for operation in ("list_images", "list_sizes", "list_locations"):
        assert call(cloud, operation)
    with pytest.raises(NodeNotFound):  # No change was made whose answer could be lost.
        call(cloud, "stop_vm")


def test_an_empty_listing_hides_nodes_only_in_the_list(make_cloud: Make) -> None:
    cloud = make_cloud({"empty_rate": 1})
    assert ids(cloud) == []
    assert call(cloud, "get_node").id == "1"
    assert len(call(cloud, "list_images")) == 3


def test_a_stuck_deletion_stays_until_a_later_one_succeeds(make_cloud: Make) -> None:
    stuck = make_cloud({"stuck_deletion_rate": 1})
    for _ in range(2):
        call(stuck, "stop_vm")
        assert call(make_cloud(), "get_node").state is NodeState.STOPPING
        assert ids(make_cloud()) == ["1", "2"]
    call(make_cloud(), "stop_vm")
    assert ids(stuck) == ["2"]
    with pytest.raises(NodeNotFound):
        call(stuck, "stop_vm")


def test_only_the_operations_that_are_named_are_hit(make_cloud: Make) -> None:
    cloud = make_cloud({"error_rate": 1, "operations": ["get_node", "check"]})
    for operation in ("get_node", "check"):
        with pytest.raises(CloudError):
            call(cloud, operation)
    assert ids(cloud) == ["1", "2"]


def test_a_check_is_hit_only_when_it_is_named(make_cloud: Make) -> None:
    call(make_cloud({"error_rate": 1}), "check")


def test_latency_comes_before_the_work(make_cloud: Make) -> None:
    cloud = make_cloud({"latency": "uniform(0.05, 0.06)"})
    began = time.monotonic()
    assert len(ids(cloud)) == 2
    assert time.monotonic() - began >= 0.05


def test_latency_beyond_the_deadline_leaves_the_work_undone(make_cloud: Make) -> None:
    cloud = make_cloud({"latency": 0.05})
    with pytest.raises(CloudTimeout):
        call(cloud, "start_vm", Deadline(0.02))
    assert ids(make_cloud()) == ["1", "2"]


def in_thread(job: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException | Any]]:
    said: list[BaseException | Any] = []

    def run() -> None:
        try:
            said.append(job())
        except CloudTimeout as error:
            said.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, said


@pytest.mark.parametrize(
    "faults", [{"hang_rate": 1}, {"latency": 3600}, {"latency": "normal(3600, 1)", "hang_rate": 1}]
)
def test_an_aborted_call_ends_at_once_and_has_done_nothing(
    make_cloud: Make, faults: dict[str, Any]
) -> None:
    cloud = make_cloud(faults)
    aborted, other = Deadline(60), Deadline(60)
    first, said = in_thread(lambda: call(cloud, "start_vm", aborted))
    second, _ = in_thread(lambda: call(cloud, "stop_vm", other))
    first.join(0.05)
    assert first.is_alive()
    aborted.end()
    cloud.abort(aborted)
    first.join(PATIENCE)
    assert [type(answer) for answer in said] == [CloudTimeout]
    assert second.is_alive()  # Another call was aborted.
    cloud.close()
    second.join(PATIENCE)
    assert not second.is_alive()
    assert ids(make_cloud()) == ["1", "2"]


def test_a_hang_does_not_end_by_itself_at_its_deadline(make_cloud: Make) -> None:
    cloud = make_cloud({"hang_rate": 1})
    deadline = Deadline(60)
    thread, said = in_thread(lambda: call(cloud, "list_nodes", deadline))
    ends_at = time.monotonic() + PATIENCE
    while deadline not in cloud._waits._ends:
        assert time.monotonic() < ends_at
        time.sleep(0.001)
    deadline.end()
    thread.join(0.05)
    assert thread.is_alive()
    cloud.abort(deadline)
    thread.join(PATIENCE)
    assert [type(answer) for answer in said] == [CloudTimeout]


def test_an_abort_that_comes_before_the_wait_is_not_lost(make_cloud: Make) -> None:
    cloud = make_cloud({"hang_rate": 1})
    deadline = Deadline(60)
    deadline.end()
    cloud.abort(deadline)
    with pytest.raises(CloudTimeout):
        call(cloud, "list_nodes", deadline)
    assert cloud._waits._ends == {}


def test_an_abort_of_a_call_that_is_over_or_unknown_does_nothing(make_cloud: Make) -> None:
    cloud = make_cloud({"latency": 0.001})
    deadline = Deadline(60)
    call(cloud, "list_nodes", deadline)
    assert cloud._waits._ends == {}
    for known in (deadline, Deadline(1)):
        cloud.abort(known)
    assert ids(cloud) == ["1", "2"]


def test_a_deaf_hang_heeds_nothing_but_the_end(make_cloud: Make) -> None:
    cloud = make_cloud({"hang_rate": 1, "deaf": True})
    deadline = Deadline(60)
    thread, said = in_thread(lambda: call(cloud, "list_nodes", deadline))
    deadline.end()
    cloud.abort(deadline)
    thread.join(0.05)
    assert thread.is_alive()
    cloud.close()
    thread.join(PATIENCE)
    assert [type(answer) for answer in said] == [CloudTimeout]


def test_many_calls_are_aborted_each_by_its_own_deadline(make_cloud: Make) -> None:
    cloud = make_cloud({"hang_rate": 1})
    deadlines = [Deadline(60) for _ in range(32)]
    with ThreadPoolExecutor(len(deadlines)) as pool:
        calls = [pool.submit(call, cloud, "list_nodes", deadline) for deadline in deadlines]
        for deadline, waiting in zip(deadlines, calls, strict=True):
            assert not waiting.done()
            deadline.end()
            cloud.abort(deadline)
            assert isinstance(waiting.exception(PATIENCE), CloudTimeout)
