"""``GET /cloud/<cloud>``: capabilities, reasons for missing ones, and health."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import loopback
from tests.conftest import DUMMY, Serve, Server, ec2, running

HOOKS = [
    *["list_nodes", "list_images", "list_sizes", "list_locations"],
    *["list_keypairs", "list_networks", "list_firewalls", "get_node", "find_node"],
    *["start_vm", "stop_vm", "reboot_vm", "power_on_vm", "power_off_vm"],
    *["resize_vm", "confirm_resize", "rename_vm", "create_image", "get_console_output"],
]
BACKENDS = ["list_vms", "resolve_vm", "assign_vm", "release_vm"]
QUICK = """
retries = 0
threads = 2
queue = 3
[clouds.bad.deadlines]
list_nodes = 0.2
get_node = 0.2
[clouds.bad.breaker]
failures = 2
seconds = 60
"""
DEAF = """
[clouds.deaf]
driver = "dummy"
threads = 1
retries = 0
[clouds.deaf.deadlines]
list_nodes = 0.1
[clouds.deaf.breaker]
failures = 100
[clouds.deaf.faults]
hang_rate = 1
deaf = true
operations = ["list_nodes"]
"""
LACKING = """
[clouds.lacking]
driver = "libcloud"
provider = "dummy"
key = "x"
"""


def report(server: Server, name: str) -> dict[str, Any]:
    found: dict[str, Any] = loopback.get(f"{server.url}/api/v1/cloud/{name}", timeout=20).json()
    assert found["status"] == "ok"
    cloud: dict[str, Any] = found["cloud"]
    return cloud


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, silent_port: int) -> Iterator[Server]:
    """Serve a cloud for each test on one server."""
    clouds = DUMMY + ec2("bad", silent_port, QUICK) + DEAF + LACKING
    with running(clouds, tmp_path_factory.mktemp("report")) as one:
        yield one


def test_a_cloud_that_is_well(server: Server) -> None:
    loopback.get(f"{server.url}/api/v1/nodes")
    cloud = report(server, "fake_driver")
    assert (cloud["name"], cloud["driver"]) == ("fake_driver", "dummy")
    assert (cloud["available"], cloud["message"]) == (True, None)
    assert list(cloud["operations"]) == [*HOOKS, *BACKENDS]
    lacks = {"list_keypairs", "list_networks", "list_firewalls", "confirm_resize"}
    assert all(cloud["operations"][name]["supported"] for name in set(HOOKS) - lacks)
    assert cloud["operations"]["assign_vm"] == {
        "supported": False,
        "reason": "Cloud fake_driver has no assignment backend: add [state], or name one with "
        "`assignment` in [clouds.fake_driver]",
    }
    assert cloud["circuit"] == {"state": "closed", "failures": 0, "retry_after": None}
    assert cloud["threads"] == {"limit": 8, "running": 0, "overdue": 0, "lost": 0}
    assert cloud["queue"] == {"limit": 256, "waiting": 0}
    assert cloud["last_success"]["operation"] == "list_nodes"
    assert cloud["last_error"] is None
    assert cloud["scope"] == "process"
    assert report(server, "default") == {**cloud, "pid": cloud["pid"]}


def test_a_cloud_that_is_not(server: Server) -> None:
    statuses = [
        loopback.get(f"{server.url}/api/v1/nodes/bad", timeout=20).status_code for _ in range(3)
    ]
    assert statuses == [504, 504, 503]
    refused = loopback.get(f"{server.url}/api/v1/nodes/bad")
    assert refused.json()["error_code"] == "circuit_open"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    cloud = report(server, "bad")
    assert cloud["circuit"]["state"] == "open"
    assert cloud["circuit"]["failures"] == 2
    assert 0 < cloud["circuit"]["retry_after"] <= 60
    assert cloud["last_success"] is None
    assert cloud["last_error"]["error_code"] == "cloud_timeout"
    assert cloud["last_error"]["message"].startswith("Cloud bad did not answer")


def test_one_that_does_not_exist(server: Server) -> None:
    answer = loopback.get(f"{server.url}/api/v1/cloud/other")
    assert answer.status_code == 500
    assert answer.json()["message"] == "Cloud not valid or wrong path"


def test_one_whose_plugin_cannot_be_used(serve: Serve) -> None:
    server = serve(DUMMY + '[plugins]\ndeny = ["dummy"]\n')
    cloud = report(server, "fake_driver")
    assert (cloud["available"], cloud["type"]) == (False, None)
    assert "its plugin dummy is disabled" in cloud["message"]
    assert not any(offer["supported"] for offer in cloud["operations"].values())


def test_threads_that_never_come_back_are_counted_and_bounded(server: Server) -> None:
    url = f"{server.url}/api/v1/nodes/deaf"
    assert loopback.get(url).status_code == 504
    wait_for_threads(server, running=0, overdue=1, lost=1)
    assert loopback.get(f"{server.url}/api/v1/images/deaf").status_code == 200
    assert loopback.get(url).status_code == 504
    wait_for_threads(server, running=1, overdue=2, lost=1)
    for path in ("nodes", "images"):
        busy = loopback.get(f"{server.url}/api/v1/{path}/deaf")
        assert (busy.status_code, busy.json()["error_code"]) == (503, "cloud_busy")
        assert busy.headers["Retry-After"] == "5"
    assert "thread lost" in server.log()


def wait_for_threads(server: Server, **wanted: int) -> None:
    ends_at = time.monotonic() + 10
    while (threads := report(server, "deaf")["threads"]) != {"limit": 1, **wanted}:
        assert time.monotonic() < ends_at, threads
        time.sleep(0.05)


def test_what_a_provider_lacks_is_told_with_the_reason(server: Server) -> None:
    power = report(server, "lacking")["operations"]["power_on_vm"]
    assert not power["supported"], power
    asked = loopback.put(f"{server.url}/api/v1/vm/action/poweron/lacking", json={"node": "1"})
    assert asked.status_code == 501
    assert asked.json()["message"].endswith(power["reason"])
