"""Selection of a VM by name, and the states in which a VM can be assigned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core import NodeState
from orchestrator_core.clouds.living import choose_living
from orchestrator_core.errors import InvalidParameter, NodeNotFound, NodeTerminated
from orchestrator_core.model import Node
from tests.selection.clouds import World, world
from tests.stateful import wait_for

USABLE = [state for state in NodeState if state.is_usable]
UNUSABLE = [state for state in NodeState if not state.is_usable]
GONE = NodeState.TERMINATED


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("given")) as one:
        yield one


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, backend="good") as one:
        yield one


def test_what_is_switched_off_can_be_assigned() -> None:
    assert set(UNUSABLE) == {
        NodeState.ERROR,
        NodeState.STOPPING,
        NodeState.TERMINATING,
        NodeState.TERMINATED,
    }


@pytest.mark.parametrize("path", ["action/reboot", "action/poweroff", "action/poweron", "stop"])
def test_a_name_means_the_living_vm(given: World, path: str) -> None:
    name = path.replace("/", "-")
    given.has(f"{name}-old", name, GONE)
    living = given.has(f"{name}-new", name)
    answer = given.api.put(f"/vm/{path}", {"hostname": name})
    assert answer.status == 200, answer
    assert living in answer.json["result"]
    assert f"{name}-old" in given.nodes


def test_a_name_means_the_vm_that_is_not_being_deleted(given: World) -> None:
    given.has("going", "db", NodeState.TERMINATING)
    staying = given.has("staying", "db")
    assert given.assign(hostname="db").json["id_vm"] == staying


@pytest.mark.parametrize("path", ["action/reboot", "action/poweroff", "action/poweron", "stop"])
@pytest.mark.parametrize("by", ["node", "hostname"])
def test_a_terminated_vm_is_refused_by_its_name_and_the_reason(
    given: World, path: str, by: str
) -> None:
    ended = given.has("ended", "ended-name", GONE)
    wanted = {"node": ended} if by == "node" else {"hostname": "ended-name"}
    answer = given.api.put(f"/vm/{path}", wanted)
    assert (answer.status, answer.error_code) == (400, "node_not_found")
    assert ended in answer.message
    assert "terminated" in answer.message
    assert ended in given.nodes


def test_the_hostname_of_two_living_vms_is_refused(given: World) -> None:
    for node_id in ("twin-1", "twin-2"):
        given.has(node_id, "twin")
    given.has("twin-3", "twin", GONE)
    answer = given.api.put("/vm/action/reboot", {"hostname": "twin"})
    assert (answer.status, answer.error_code) == (400, "invalid_parameter")
    assert "twin-3" not in answer.message


@pytest.mark.parametrize("state", USABLE)
@pytest.mark.parametrize("by", ["node", "hostname"])
def test_a_usable_vm_is_assigned(given: World, state: NodeState, by: str) -> None:
    node_id = given.has(f"usable-{state.value}-{by}", f"usable-{state.value}-{by}", state)
    answer = given.assign(**{by: node_id})
    assert (answer.status, answer.json.get("id_vm")) == (200, node_id), answer
    assert given.statuses()[node_id] == (2, "ASSIGNED")


@pytest.mark.parametrize("state", UNUSABLE)
@pytest.mark.parametrize("by", ["node", "hostname"])
def test_another_is_refused_with_its_state(given: World, state: NodeState, by: str) -> None:
    node_id = given.has(f"useless-{state.value}-{by}", f"useless-{state.value}-{by}", state)
    answer = given.assign(**{by: node_id})
    assert answer.status == 400, answer
    assert state.value in answer.message
    assert node_id in answer.message


@pytest.mark.parametrize("state", UNUSABLE)
def test_an_unusable_vm_is_not_shown_as_free(given: World, state: NodeState) -> None:
    node_id = given.has(f"shown-{state.value}", "x", state)
    expected = None if state is GONE else (5, "FAULTY")
    assert given.statuses().get(node_id) == expected


@pytest.mark.parametrize("state", UNUSABLE)
def test_an_outside_backend_assigns_no_unusable_vm(outside: World, state: NodeState) -> None:
    outside.nodes["i-0001"].state = state
    answer = outside.assign(node="i-0001")
    assert answer.status == 400, answer
    assert state.value in answer.message
    assert outside.assign(node="i-0002").status == 200


def test_an_outside_backend_assigns_while_the_cloud_cannot_be_asked(tmp_path: Path) -> None:
    with world(tmp_path, "unreliable_reads:FailingCloud", backend="good") as one:
        assert one.assign(node="i-0001").status == 200


def test_a_vm_that_its_holder_lost_is_released_and_stopped(given: World) -> None:
    """The VM was terminated in the provider's console; the cloud still shows it."""
    for action in ("action/release", "stop"):
        for by in ("node", "hostname"):
            vm = given.has(f"lost-{action[-4:]}-{by}", f"lost-{action[-4:]}-{by}")
            assert given.assign(node=vm).status == 200
            given.nodes[vm].state = GONE
            assert given.statuses()[vm] == (2, "ASSIGNED")
            answer = given.api.put(f"/vm/{action}", {by: vm})
            assert answer.status == 200, answer
            assert "deleted" in answer.json["result"]
            assert vm in given.nodes, "it was destroyed once more"
            assert wait_for(given.statuses, lambda seen: vm not in seen)  # noqa: B023
    left = given.api.get("/api/v2/assignments?state=active").json["assignments"]
    assert not [one for one in left if one["node"].startswith("lost-")]


def test_which_node_is_chosen() -> None:
    def chosen(*states: NodeState) -> str:
        return choose_living([Node(s.value, "x", s) for s in states], "x").id

    assert chosen(GONE, NodeState.STOPPED) == "stopped"
    assert chosen(NodeState.TERMINATING, GONE) == "terminating"
    assert chosen(NodeState.TERMINATING, NodeState.ERROR) == "error"
    with pytest.raises(InvalidParameter):
        chosen(NodeState.STOPPING, NodeState.RUNNING)
    with pytest.raises(NodeTerminated):
        chosen(GONE, GONE)
    with pytest.raises(NodeNotFound):
        chosen()


def test_a_lease_is_renewed_by_the_name_that_a_terminated_vm_had_too(given: World) -> None:
    for node_id in ("lease-1", "lease-2"):
        given.has(node_id, "lease")
        body = {"node": node_id, "user": "ann", "vm_type": "app", "lease": "1h"}
        assert given.api.put("/vm/action/assign", body).status == 200
    renewal = {"hostname": "lease", "lease": "2h"}
    assert given.api.put("/vm/action/renew", renewal).error_code == "invalid_parameter"
    given.nodes["lease-1"].state = GONE
    answer = given.api.put("/vm/action/renew", renewal)
    assert (answer.status, answer.json.get("id_vm")) == (200, "lease-2"), answer
