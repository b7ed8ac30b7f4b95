"""Faults that a caller requests in the header X-Cloud-Hints, without any in the settings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_core import (
    CloudError,
    CloudTimeout,
    CloudUnreachable,
    Deadline,
    Image,
    InvalidParameter,
    NodeState,
    QuotaExceeded,
    RateLimited,
    Size,
    StartRequest,
)
from orchestrator_dummy import FaultInjectionDriver

Make = Callable[..., FaultInjectionDriver]

REQUEST = StartRequest("ignored", Image("1", "i"), Size("1", "s"))


def nodes(cloud: FaultInjectionDriver, **hints: str) -> list[str]:
    return [node.id for node in cloud.list_nodes(Deadline(60), hints)]


@pytest.mark.parametrize(
    ("hints", "error"),
    [
        ({"fault": "error"}, CloudError),
        ({"error": "quota"}, QuotaExceeded),
        ({"fault": "error", "error": "quota"}, QuotaExceeded),
        ({"error": ""}, CloudError),
        ({"fault": "rate_limit"}, RateLimited),
        ({"rate_limit": ""}, RateLimited),
        ({"retry_after": "3"}, RateLimited),
        ({"fault": "error, rate_limit"}, RateLimited),
        ({"fault": "error", "rate_limit": ""}, RateLimited),
    ],
)
def test_an_error_is_asked_for(make_cloud: Make, hints: dict[str, str], error: Any) -> None:
    cloud = make_cloud()
    with pytest.raises(error) as raised:
        nodes(cloud, **hints)
    assert type(raised.value) is error
    if error is RateLimited:
        told = hints.get("retry_after")
        assert raised.value.retry_after == (float(told) if told else None)
    assert nodes(cloud) == ["1", "2"]  # The hint does not apply to the next request.


def test_an_empty_listing_is_asked_for(make_cloud: Make) -> None:
    cloud = make_cloud()
    assert nodes(cloud, fault="empty") == nodes(cloud, empty="") == []
    assert cloud.get_node("1", Deadline(60), {"fault": "empty"}).id == "1"


def test_a_hang_is_asked_for(make_cloud: Make) -> None:
    cloud = make_cloud()
    deadline = Deadline(60)
    ended: list[type[BaseException]] = []

    def hang() -> None:
        try:
            cloud.list_nodes(deadline, {"hang": ""})
        except CloudTimeout as error:
            ended.append(type(error))

    thread = threading.Thread(target=hang, daemon=True)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    deadline.end()
    cloud.abort(deadline)
    thread.join(20)
    assert ended == [CloudTimeout]


def test_latency_is_asked_for(make_cloud: Make) -> None:
    began = time.monotonic()
    assert nodes(make_cloud(), latency="0.05") == ["1", "2"]
    assert time.monotonic() - began >= 0.05


def test_a_lost_answer_is_asked_for(make_cloud: Make) -> None:
    cloud = make_cloud()
    hints = {"fault": "lost_answer"}
    assert len(cloud.list_images(Deadline(60), hints)) == 3  # called on the way to the start
    with pytest.raises(CloudUnreachable):
        cloud.start_vm(REQUEST, Deadline(60), hints)
    assert nodes(cloud) == ["1", "2", "3"]


def test_delayed_visibility_and_a_stuck_deletion_are_asked_for(make_cloud: Make) -> None:
    cloud = make_cloud()
    late = {"visible_after": "3600"}
    assert cloud.start_vm(REQUEST, Deadline(60), late).id == "3"
    cloud.stop_vm("1", Deadline(60), late)
    cloud.stop_vm("2", Deadline(60), {"fault": "stuck_deletion"})
    assert nodes(cloud) == ["1", "2"]
    states = [node.state for node in cloud.list_nodes(Deadline(60), {})]
    assert states == [NodeState.RUNNING, NodeState.STOPPING]
    cloud.start_vm(REQUEST, Deadline(60), {})  # The delay applied to that request only.
    assert nodes(cloud) == ["1", "2", "4"]


def test_hints_go_to_the_operations_that_they_name(make_cloud: Make) -> None:
    cloud = make_cloud()
    hints = {"fault": "error", "operations": "start_vm,stop_vm"}
    assert nodes(cloud, **hints) == ["1", "2"]
    with pytest.raises(CloudError):
        cloud.stop_vm("1", Deadline(60), hints)


def test_hints_take_the_place_of_the_settings(make_cloud: Make) -> None:
    cloud = make_cloud({"error_rate": 1, "retry_after": 9})
    assert nodes(cloud, fault="none") == nodes(cloud, none="") == ["1", "2"]
    with pytest.raises(QuotaExceeded):
        nodes(cloud, error="quota")
    with pytest.raises(RateLimited) as raised:
        nodes(cloud, fault="rate_limit")
    assert raised.value.retry_after == 9


@pytest.mark.parametrize(
    ("hints", "says"),
    [
        ({"falt": "hang"}, 'no hint "falt" here; there are: fault, operations, latency, error'),
        ({"hang": "3"}, 'no hint "hang" here'),
        ({"fault": "hnag"}, '"hnag" must be one of: hang, rate_limit, error, empty'),
        ({"fault": ""}, "must be one of"),
        ({"fault": "error,"}, "must be one of"),
        ({"operations": "describe"}, "must be one of: check, list_nodes"),
        ({"latency": ""}, "latency: not a valid number"),
        ({"latency": "-1"}, "greater than or equal to 0"),
        ({"latency": "nan"}, "nan"),
        ({"error": "x"}, "must be one of: failed, unreachable"),
        ({"retry_after": "soon"}, "retry_after: not a valid number"),
        ({"visible_after": "inf"}, "infinity"),
    ],
)
def test_a_hint_that_is_none_is_refused(make_cloud: Make, hints: dict[str, str], says: str) -> None:
    for cloud in (make_cloud(), make_cloud({"seed": 1})):
        with pytest.raises(InvalidParameter) as raised:
            cloud.stop_vm("1", Deadline(60), hints)
        assert raised.value.field == "X-Cloud-Hints"
        assert says in raised.value.reason
        assert nodes(cloud) == ["1", "2"]
