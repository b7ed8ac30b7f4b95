"""Cistern behind the ledger: the three outcomes of a release, and answers that get lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.faultpoints import VARIABLE
from tests.conftest import Serve, clean_environment, serve
from tests.stateful import Api, Json, settings, wait_for

__all__ = ["clean_environment", "serve"]

POINTS = ("assign.recorded", "assign.answered", "release.recorded", "release.answered")


@pytest.fixture
def api(cistern_server: Any, serve: Serve, tmp_path: Path) -> Iterator[Api]:
    state = 'url = "sqlite:///state.db"\npause = 0.1\nlongest_pause = 0.5'
    store = f'store = "file:{tmp_path}/cloud.db"'
    brain = (
        f'[assignments.brain]\nbackend = "cistern"\nurl = "{cistern_server.url}"\ntimeout = 1\n'
        "retries = 0\n[assignments.brain.breaker]\nfailures = 1000"
    )
    toml = settings(state, store, brain).replace('assignment = "given"', 'assignment = "brain"')
    points = ",".join(f"{point}@{tmp_path / point}" for point in POINTS)
    for number in ("1", "2"):
        cistern_server.add("fake_driver", number, f"dummy-{number}")
    server = serve(toml, environment={VARIABLE: points})
    server.wait_for_log("durable worker ready")
    running = Api(server)
    with running.http:
        yield running


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


def test_a_refused_release_is_taken_back(api: Api, cistern_server: Any) -> None:
    assignment = api.assign("1", "ann").json()["assignment"]
    cistern_server.nodes["fake_driver"][0]["user"] = ""  # somebody has released it elsewhere
    answer = api.release("1")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
    shown = api.get(f"/vm/assignments/{assignment}")["assignment"]
    assert (shown["state"], shown["ended_at"]) == ("active", None)
    assert "1" in api.nodes()


def test_a_release_is_told_in_cisterns_words_and_the_vm_destroyed(api: Api) -> None:
    api.assign("1", "ann")
    answer = api.release("1").json()
    assert answer["result"] == "Node 1 released and deleted"
    assert (answer["id"], answer["deletion"]) == (1, "done")
    assert api.nodes() == ["2"]


def test_what_cistern_gave_away_before_can_be_released_too(api: Api, cistern_server: Any) -> None:
    cistern_server.nodes["fake_driver"][1].update(user="bob", status=2)
    assert api.release("2").json()["deletion"] == "done"
    assert api.nodes() == ["1"]


def test_a_release_whose_answer_got_lost_is_settled_by_the_list(
    api: Api, cistern_server: Any
) -> None:
    api.assign("1", "ann")
    cistern_server.misbehave("done and cut", on="release")
    answer = api.release("1")
    assert answer.status_code in (502, 504), answer.text
    assert api.assign("1", "eve").status_code == 400
    settled = operation(api, kind="release_vm")
    assert (settled["state"], settled["result"]["deletion"]) == ("succeeded", "done")
    assert api.nodes() == ["2"]


def test_a_vm_that_still_shows_a_user_is_not_destroyed(api: Api, cistern_server: Any) -> None:
    api.assign("1", "ann")
    cistern_server.misbehave("silence", on="release")
    answer = api.release("1")
    assert answer.status_code in (502, 504), answer.text
    paused = operation(api, kind="release_vm")
    assert (paused["state"], paused["error"]["error_code"]) == ("paused", "release_unknown")
    assert "1" in api.nodes()


@pytest.mark.parametrize("point", ["assign.recorded", "assign.answered"])
def test_an_assign_whose_server_was_killed_is_settled_by_the_list(
    api: Api, tmp_path: Path, point: str
) -> None:
    (tmp_path / point).touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.assign("1", "ann")
    settled = operation(api, kind="assign_vm")
    held = api.get("/vm/assignments", node="1")["assignments"][0]
    if point == "assign.recorded":
        assert (settled["state"], held["end_reason"]) == ("failed", "not_assigned")
        assert api.assign("1", "eve").status_code == 200
    else:
        assert (settled["state"], held["state"]) == ("succeeded", "active")
        assert api.assign("1", "ann").json()["assignment"] == held["id"]
        assert api.assign("1", "eve").status_code == 400


@pytest.mark.parametrize("point", ["release.recorded", "release.answered"])
def test_a_release_whose_server_was_killed_destroys_only_what_is_free(
    api: Api, tmp_path: Path, point: str
) -> None:
    api.assign("1", "ann")
    (tmp_path / point).touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.release("1")
    settled = operation(api, kind="release_vm")
    if point == "release.recorded":
        assert settled["error"]["error_code"] == "release_unknown"
        assert api.nodes() == ["1", "2"]
    else:
        assert settled["result"]["deletion"] == "done"
        assert api.nodes() == ["2"]
