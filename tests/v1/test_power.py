"""Power: rebooting VMs and switching them on and off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import Server

RUNNING, STOPPED = 0, 5


@pytest.fixture(scope="module")
def client(shared: Server) -> Iterator[httpx2.Client]:
    with loopback.client(f"{shared.url}/api/v1") as http:
        yield http


def state(client: httpx2.Client, node: str) -> int:
    found: dict[str, Any] = client.get(f"/nodes/fake_driver/{node}").json()
    return int(found["nodes"]["state"])


def test_off_on_and_reboot(client: httpx2.Client) -> None:
    steps = [("poweroff", "powered off", STOPPED), ("poweron", "powered on", RUNNING)]
    steps += [("reboot", "rebooted", RUNNING)]
    for action, done, wanted in steps:
        answer = client.put(f"/vm/action/{action}", json={"node": "1"})
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "result": f"Node 1 {done}"}
        assert state(client, "1") == wanted


def test_by_hostname_and_in_a_named_cloud(client: httpx2.Client) -> None:
    answer = client.put("/vm/action/poweroff/fake_driver", json={"hostname": "dummy-2"})
    assert answer.json()["result"] == "Node 2 powered off"
    assert state(client, "2") == STOPPED


@pytest.mark.parametrize("action", ["reboot", "poweron", "poweroff"])
def test_what_is_refused(client: httpx2.Client, action: str) -> None:
    for body, code in (
        ({}, "invalid_parameter"),
        ({"node": "99"}, "node_not_found"),
        ({"hostname": "x"}, "node_not_found"),
        ({"node": "1", "hostname": "dummy-2"}, "invalid_parameter"),
        ({"node": "1", "user": "x"}, "invalid_parameter"),
    ):
        answer = client.put(f"/vm/action/{action}", json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, code)


def test_locations(client: httpx2.Client) -> None:
    first, second = client.get("/locations").json()["locations"]
    assert first == {
        "cloud_type": "Dummy Node Provider",
        "provider": "dummy",
        "id": "1",
        "name": "Paul's Room",
        "country": "US",
    }
    assert second["country"] == "NZ"
