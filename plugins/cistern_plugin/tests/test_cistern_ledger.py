"""Cistern behind the ledger: the three outcomes of a release, and answers that get lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.faultpoints import VARIABLE
from tests.conftest import running
from tests.stateful import Api, Json, settings, wait_for

POINTS = ("assign.recorded", "assign.answered", "release.recorded", "release.answered")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a file named for a point kills the process that gets there."""
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def api(shared_cistern: Any, folder: Path) -> Iterator[Api]:
    state = 'url = "sqlite:///state.db"\npause = 0.1\nlongest_pause = 0.5'
    store = f'store = "file:{folder}/cloud.db"'
    brain = (
        f'[assignments.brain]\nbackend = "cistern"\nurl = "{shared_cistern.url}"\ntimeout = 1\n'
        "retries = 0\n[assignments.brain.breaker]\nfailures = 1000"
    )
    toml = settings(state, store, brain).replace('assignment = "given"', 'assignment = "brain"')
    points = ",".join(f"{point}@{folder / point}" for point in POINTS)
    with running(toml, folder, {VARIABLE: points}) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            yield api


@pytest.fixture
def cistern(shared_cistern: Any) -> Iterator[Any]:
    yield shared_cistern
    shared_cistern.behave()


@pytest.fixture
def vm(api: Api, cistern: Any) -> Json:
    """Cistern's record of a VM of this test's own, which is free."""
    node = api.started()
    record: Json = cistern.add("fake_driver", node, f"dummy-{node}")
    return record


def operation(api: Api, **filters: str) -> Json:
    """The newest operation, once it has come to an end or waits for somebody."""

    def look() -> list[Json]:
        try:
            return api.operations(**filters)
        except httpx2.TransportError:
            return []

    ends = ("succeeded", "failed", "paused")
    found: list[Json] = wait_for(look, lambda them: bool(them) and them[0]["state"] in ends)
    return found[0]


def test_a_refused_release_is_taken_back(api: Api, vm: Json) -> None:
    node = vm["id_vm"]
    assignment = api.assign(node, "ann").json()["assignment"]
    vm["user"] = ""  # somebody has released it elsewhere
    answer = api.release(node)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
    shown = api.get(f"/vm/assignments/{assignment}")["assignment"]
    assert (shown["state"], shown["ended_at"]) == ("active", None)
    assert node in api.nodes()


def test_a_release_is_told_in_cisterns_words_and_the_vm_destroyed(api: Api, vm: Json) -> None:
    node, others = vm["id_vm"], set(api.nodes()) - {vm["id_vm"]}
    api.assign(node, "ann")
    answer = api.release(node).json()
    assert answer["result"] == f"Node {node} released and deleted"
    assert (answer["id"], answer["deletion"]) == (vm["id"], "done")
    assert set(api.nodes()) == others


def test_what_cistern_gave_away_before_can_be_released_too(api: Api, vm: Json) -> None:
    node, others = vm["id_vm"], set(api.nodes()) - {vm["id_vm"]}
    vm.update(user="bob", status=2)
    assert api.release(node).json()["deletion"] == "done"
    assert set(api.nodes()) == others


def test_a_release_whose_answer_got_lost_is_settled_by_the_list(
    api: Api, cistern: Any, vm: Json
) -> None:
    node, others = vm["id_vm"], set(api.nodes()) - {vm["id_vm"]}
    api.assign(node, "ann")
    cistern.misbehave("done and cut", on="release")
    answer = api.release(node)
    assert answer.status_code in (502, 504), answer.text
    assert api.assign(node, "eve").status_code == 400
    settled = operation(api, kind="release_vm", node=node)
    assert (settled["state"], settled["result"]["deletion"]) == ("succeeded", "done")
    assert set(api.nodes()) == others


def test_a_vm_that_still_shows_a_user_is_not_destroyed(api: Api, cistern: Any, vm: Json) -> None:
    node = vm["id_vm"]
    api.assign(node, "ann")
    cistern.misbehave("silence", on="release")
    answer = api.release(node)
    assert answer.status_code in (502, 504), answer.text
    paused = operation(api, kind="release_vm", node=node)
    assert (paused["state"], paused["error"]["error_code"]) == ("paused", "release_unknown")
    assert node in api.nodes()


@pytest.mark.parametrize("point", ["assign.recorded", "assign.answered"])
def test_an_assign_whose_server_was_killed_is_settled_by_the_list(
    api: Api, folder: Path, vm: Json, point: str
) -> None:
    node = vm["id_vm"]
    (folder / point).touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.assign(node, "ann")
    settled = operation(api, kind="assign_vm", node=node)
    held = api.get("/vm/assignments", node=node)["assignments"][0]
    if point == "assign.recorded":
        assert (settled["state"], held["end_reason"]) == ("failed", "not_assigned")
        assert api.assign(node, "eve").status_code == 200
    else:
        assert (settled["state"], held["state"]) == ("succeeded", "active")
        assert api.assign(node, "ann").json()["assignment"] == held["id"]
        assert api.assign(node, "eve").status_code == 400


@pytest.mark.parametrize("point", ["release.recorded", "release.answered"])
def test_a_release_whose_server_was_killed_destroys_only_what_is_free(
    api: Api, folder: Path, vm: Json, point: str
) -> None:
    node, all_of_them = vm["id_vm"], set(api.nodes())
    api.assign(node, "ann")
    (folder / point).touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.release(node)
    settled = operation(api, kind="release_vm", node=node)
    if point == "release.recorded":
        assert settled["error"]["error_code"] == "release_unknown"
        assert set(api.nodes()) == all_of_them
    else:
        assert settled["result"]["deletion"] == "done"
        assert set(api.nodes()) == all_of_them - {node}
