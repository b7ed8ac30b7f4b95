"""A cloud that misbehaves: nothing is lost, destroyed wrongly or started twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stateful import Api, settings, stateful, wait_for

STATE = 'url = "sqlite:///state.db"\nlook = 0.3\npause = 0.1\nlongest_pause = 0.5'


def misbehaving(faults: str, cloud: str = "visibility = 0.5") -> str:
    return settings(STATE, f"{cloud}\n[clouds.fake_driver.faults]\nseed = 7\n{faults}")


def started_and_settled(api: Api, count: int) -> list[str]:
    """Start so many VMs, whatever is answered; return those that operations came to."""
    operations = []
    for number in range(count):
        answer = api.start(**{"Idempotency-Key": str(number)})
        found = api.operations(kind="start_vm", limit="1")
        assert answer.status_code == 200 or answer.json()["operation"] == found[0]["id"]
        operations.append(found[0]["id"])
    settled = [api.settled(operation) for operation in operations]
    return [one["node"] for one in settled if one["state"] == "succeeded"]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param('operations = ["start_vm"]\nlost_answer_rate = 0.5', marks=pytest.mark.soak),
        'operations = ["start_vm", "find_node"]\nlost_answer_rate = 0.5\nvisible_after = 0.3',
        pytest.param("error_rate = 0.4", marks=pytest.mark.soak),
        pytest.param("rate_limit_rate = 0.4\nretry_after = 1", marks=pytest.mark.soak),
        'lost_answer_rate = 0.3\nerror_rate = 0.2\nempty_rate = 0.3\nerror = "unreachable"',
    ],
)
def test_starts_come_to_exactly_what_is_in_the_cloud(tmp_path: Path, faults: str) -> None:
    with stateful(misbehaving(faults), tmp_path) as api:
        nodes = started_and_settled(api, 8)
        assert len(set(nodes)) == len(nodes)
        wait_for(lambda: seen(api), lambda found: found == {"1", "2", *nodes})
        assert api.get("/orphans")["orphans"] == []


def seen(api: Api) -> set[str]:
    """What the cloud shows; a listing that is empty on purpose, or fails, is no answer."""
    answer = api.http.get("/nodes")
    return {node["id"] for node in answer.json().get("nodes", [])}


@pytest.mark.parametrize(
    "faults",
    [
        "stuck_deletion_rate = 0.5",
        pytest.param('operations = ["stop_vm"]\nlost_answer_rate = 0.5', marks=pytest.mark.soak),
        pytest.param(
            'operations = ["stop_vm", "get_node"]\nerror_rate = 0.5', marks=pytest.mark.soak
        ),
        pytest.param("visible_after = 0.4", marks=pytest.mark.soak),
        'operations = ["stop_vm", "list_nodes"]\nempty_rate = 0.5\nerror_rate = 0.3',
    ],
)
def test_what_is_stopped_goes_and_nothing_else(tmp_path: Path, faults: str) -> None:
    with stateful(misbehaving(faults), tmp_path) as api:
        nodes = [node for node in started_and_settled(api, 6) if node]
        going, staying = nodes[::2], nodes[1::2]
        for node in going:
            api.stop(node)
        for operation in api.operations(kind="stop_vm"):
            assert api.settled(operation["id"])["state"] == "succeeded"
        wait_for(lambda: seen(api), lambda found: found == {"1", "2", *staying})


def test_a_release_lasts_until_the_vm_is_gone(tmp_path: Path) -> None:
    faults = 'operations = ["stop_vm"]\nstuck_deletion_rate = 0.5\nerror_rate = 0.3'
    with stateful(misbehaving(faults, "release_wait = 0.2"), tmp_path) as api:
        nodes = [api.started() for _ in range(5)]
        for node in nodes:
            assert api.assign(node).status_code == 200
            answer = api.release(node)
            assert answer.json()["result"].startswith(f"Node {node} released and delet")
        for operation in api.operations(kind="release_vm"):
            assert api.settled(operation["id"])["result"]["deletion"] == "done"
        assert api.nodes() == ["1", "2"]


def test_a_cloud_that_cannot_find_marked_nodes_asks_for_a_decision(tmp_path: Path) -> None:
    """The dummy can; a hook that fails for ever is as good as none."""
    faults = 'operations = ["start_vm", "find_node"]\nerror_rate = 1'
    with stateful(misbehaving(faults), tmp_path) as api:
        operation = api.start().json()["operation"]
        found = wait_for(lambda: api.operation(operation), lambda one: len(one["history"]) > 1)
        assert found["state"] in ("pending", "running")
        assert found["error"]["message"] == "Cloud fake_driver failed, on purpose"
        assert found["next_attempt_at"]
