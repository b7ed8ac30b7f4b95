"""A misbehaving cloud: no VM is lost, destroyed wrongly or started twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Server, running
from tests.stateful import Api, settings, wait_for

STATE = (
    'url = "sqlite:///state.db"\norphan_scan_interval = 0.3\nretry_delay = 0.1\n'
    "max_retry_delay = 0.5"
)

STARTS = {
    "start-lost": 'operations = ["start_vm"]\nlost_answer_rate = 0.5',
    "start-late": 'operations = ["start_vm", "find_node"]\nlost_answer_rate = 0.5\n'
    "visible_after = 0.3",
    "start-failing": "error_rate = 0.4",
    "start-limited": "rate_limit_rate = 0.4\nretry_after = 1",
    "start-all": "lost_answer_rate = 0.3\nerror_rate = 0.2\nempty_rate = 0.3\n"
    'error = "unreachable"',
}
STOPS = {
    "stop-stuck": "stuck_deletion_rate = 0.5",
    "stop-lost": 'operations = ["stop_vm"]\nlost_answer_rate = 0.5',
    "stop-unseen": 'operations = ["stop_vm", "get_node"]\nerror_rate = 0.5',
    "stop-late": "visible_after = 0.4",
    "stop-empty": 'operations = ["stop_vm", "list_nodes"]\nempty_rate = 0.5\nerror_rate = 0.3',
}
OTHERS = {
    "release": 'operations = ["stop_vm"]\nstuck_deletion_rate = 0.5\nerror_rate = 0.3',
    "blind": 'operations = ["start_vm", "find_node"]\nerror_rate = 1',
}


def misbehaving(name: str, faults: str) -> str:
    return f"""
[clouds.{name}]
driver = "dummy"
assignment = "given"
visibility_timeout = 0.5
release_wait = 0.2
[clouds.{name}.faults]
seed = 7
{faults}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a cloud for each way to misbehave."""
    clouds = {**STARTS, **STOPS, **OTHERS}.items()
    more = "".join(misbehaving(name, faults) for name, faults in clouds)
    with running(settings(STATE, more=more), tmp_path_factory.mktemp("faults")) as server:
        server.wait_for_log("durable worker ready")
        yield server


@pytest.fixture
def api_of(server: Server) -> Iterator[Callable[[str], Api]]:
    """Return ``api_of(cloud)``."""
    apis: list[Api] = []

    def make(cloud: str) -> Api:
        apis.append(Api(server, cloud))
        return apis[-1]

    yield make
    for api in apis:
        api.http.close()


def started_and_settled(api: Api, count: int) -> list[str]:
    """Start this many VMs, whatever the answers; return those that the operations made."""
    operations = []
    for number in range(count):
        answer = api.start(**{"Idempotency-Key": str(number)})
        found = api.operations(kind="start_vm", limit="1")
        assert answer.status_code == 200 or answer.json()["operation"] == found[0]["id"]
        operations.append(found[0]["id"])
    settled = [api.settled(operation) for operation in operations]
    return [one["node"] for one in settled if one["state"] == "succeeded"]


@pytest.mark.parametrize(
    "cloud",
    [
        pytest.param(cloud, marks=pytest.mark.soak if cloud == "start-limited" else ())
        for cloud in STARTS
    ],
)
def test_starts_come_to_exactly_what_is_in_the_cloud(
    api_of: Callable[[str], Api], cloud: str
) -> None:
    api = api_of(cloud)
    nodes = started_and_settled(api, 8)
    assert len(set(nodes)) == len(nodes)
    wait_for(lambda: seen(api, cloud), lambda found: found == {"1", "2", *nodes})
    assert api.orphans() == []


def seen(api: Api, cloud: str) -> set[str]:
    """Return the cloud's nodes; a listing that is empty on purpose, or fails, does not count."""
    answer = api.http.get(f"/nodes/{cloud}")
    return {node["id"] for node in answer.json().get("nodes", [])}


@pytest.mark.parametrize("cloud", STOPS)
def test_what_is_stopped_goes_and_nothing_else(api_of: Callable[[str], Api], cloud: str) -> None:
    api = api_of(cloud)
    nodes = [node for node in started_and_settled(api, 6) if node]
    going, staying = nodes[::2], nodes[1::2]
    for node in going:
        api.stop(node)
    for operation in api.operations(kind="stop_vm"):
        assert api.settled(operation["id"])["state"] == "succeeded"
    wait_for(lambda: seen(api, cloud), lambda found: found == {"1", "2", *staying})


def test_a_release_lasts_until_the_vm_is_gone(api_of: Callable[[str], Api]) -> None:
    api = api_of("release")
    nodes = [api.started() for _ in range(5)]
    for node in nodes:
        assert api.assign(node).status_code == 200
        answer = api.release(node)
        assert answer.json()["result"].startswith(f"Node {node} released and delet")
    for operation in api.operations(kind="release_vm"):
        # A stuck deletion is repeated after 13 checks, which take some seconds each time.
        assert api.settled(operation["id"], patience=60)["result"]["deletion"] == "done"
    assert api.nodes() == ["1", "2"]


def test_a_cloud_that_cannot_find_marked_nodes_asks_for_a_decision(
    api_of: Callable[[str], Api],
) -> None:
    """The dummy supports it; a hook that always fails is equivalent to a missing one."""
    api = api_of("blind")
    operation = api.start().json()["operation"]
    found = wait_for(lambda: api.operation(operation), lambda one: len(one["history"]) > 1)
    assert found["state"] in ("pending", "running")
    assert found["error"]["detail"] == "Cloud blind failed, on purpose"
    assert found["next_attempt_at"]
