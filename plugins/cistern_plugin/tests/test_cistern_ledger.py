"""Cistern behind the ledger: the three outcomes of a release, and lost answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.faultpoints import VARIABLE
from tests.conftest import Serve, clean_environment, serve
from tests.stateful import Api, Json, leases_end, settings, wait_for

__all__ = ["clean_environment", "serve"]

POINTS = (
    "assign.recorded",
    "assign.answered",
    "release.recorded",
    "release.answered",
    "expire.recorded",
    "expire.answered",
)


@pytest.fixture
def api(cistern_server: Any, serve: Serve, tmp_path: Path) -> Iterator[Api]:
    state = 'url = "sqlite:///state.db"\nretry_delay = 0.1\nmax_retry_delay = 0.5'
    store = f'store = "file:{tmp_path}/cloud.db"'
    brain = (
        f'[assignments.brain]\nbackend = "cistern"\nurl = "{cistern_server.url}"\ntimeout = 1\n'
        "retries = 0\n[assignments.brain.breaker]\nfailures = 1000\n"
        "[assignments.brain.deadlines]\nassign_vm = 2\nrelease_vm = 2"
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
    """Return the newest operation, once it has ended or waits for an operator."""

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
    cistern_server.nodes["fake_driver"][0]["user"] = ""  # The VM was released elsewhere.
    answer = api.release("1")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
    shown = api.assignment(assignment)
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


def test_who_names_a_generation_releases_nothing_that_was_given_away_past_us(
    api: Api, cistern_server: Any
) -> None:
    """The holder of that generation has lost the VM outside this server."""
    cistern_server.nodes["fake_driver"][1].update(user="bob", status=2)
    answer = api.release("2", generation=1)
    assert (answer.status_code, answer.json()["message"]) == (400, "Node 2 is not assigned")
    assert cistern_server.asked("release") == []
    assert api.nodes() == ["1", "2"]


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


def hide(cistern_server: Any) -> None:
    """Mark the VM as faulty, which ``with_faulty_nodes = false`` hides."""
    cistern_server.nodes["fake_driver"][0]["status"] = 5


def forget(cistern_server: Any) -> None:
    """Delete all of Cistern's VMs, as if it had lost its memory."""
    cistern_server.nodes.clear()


def request_without_answer(
    ask: Callable[[], Any], answered: Callable[[], Any], lose: Callable[[], None]
) -> None:
    """Send a request that Cistern never answers; Cistern loses something after it arrived."""
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        wait_for(answered, bool)
        lose()
        assert asking.result().status_code == 504


@pytest.mark.parametrize("lose", [hide, forget])
def test_a_vm_that_the_list_does_not_show_is_not_destroyed(
    api: Api, cistern_server: Any, lose: Callable[[Any], None]
) -> None:
    api.assign("1", "ann")
    cistern_server.misbehave("silence", on="release")
    request_without_answer(
        lambda: api.release("1"),
        lambda: cistern_server.asked("release"),
        lambda: lose(cistern_server),
    )
    paused = operation(api, kind="release_vm")
    assert (paused["state"], paused["error"]["error_code"]) == ("paused", "release_unknown")
    assert api.nodes() == ["1", "2"]


@pytest.mark.parametrize(
    ("lose", "ends"), [(hide, ("succeeded", "active")), (forget, ("paused", "assigning"))]
)
def test_an_assignment_that_the_list_does_not_show_is_not_ended(
    api: Api, cistern_server: Any, lose: Callable[[Any], None], ends: tuple[str, str]
) -> None:
    cistern_server.misbehave("done and silence", on="assign")
    request_without_answer(
        lambda: api.assign("1", "ann"),
        lambda: cistern_server.nodes["fake_driver"][0]["user"],
        lambda: lose(cistern_server),
    )
    settled = operation(api, kind="assign_vm")
    held = api.assignments(node="1")[0]
    assert (settled["state"], held["state"]) == ends


@pytest.mark.parametrize("point", ["assign.recorded", "assign.answered"])
def test_an_assign_whose_server_was_killed_is_settled_by_the_list(
    api: Api, tmp_path: Path, point: str
) -> None:
    (tmp_path / point).touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.assign("1", "ann")
    settled = operation(api, kind="assign_vm")
    held = api.assignments(node="1")[0]
    if point == "assign.recorded":
        assert (settled["state"], held["end_reason"]) == ("failed", "not_made")
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


def expire(api: Api, folder: Path, node: str = "1") -> Json:
    """Expire a VM's lease; return the release that follows, in its first state."""
    leases_end(f"sqlite:///{folder}/state.db", node)
    found: list[Json] = wait_for(lambda: api.operations(kind="release_vm", node=node), bool)
    return found[0]


def test_cistern_is_told_of_a_lease_that_has_run_out(
    api: Api, cistern_server: Any, tmp_path: Path
) -> None:
    assigned = api.assign("1", "ann", lease="1h").json()
    expire(api, tmp_path)
    settled = operation(api, kind="release_vm")
    assert settled["result"]["result"] == "Node 1 released and deleted"
    assert [request.body for request in cistern_server.asked("release")] == [
        {"hostname": "dummy-1"}
    ]
    assert api.nodes() == ["2"]
    shown = api.assignment(assigned["assignment"])
    assert (shown["end_reason"], shown["lease_expires_at"] < shown["ended_at"]) == ("expired", True)


def test_the_lease_is_told_when_cistern_has_agreed(api: Api) -> None:
    assigned = api.assign("1", "ann", lease="1h").json()
    assert api.assign("1", "ann", lease="2h").json() == assigned
    renewed = api.renew("1", "8h").json()
    assert renewed["result"] == "Node 1 renewed"
    assert renewed["lease_expires_at"] > assigned["lease_expires_at"]
    assert renewed["id"] == assigned["id"] == 1
    assert api.assign("1", "ann").json()["lease_expires_at"] == renewed["lease_expires_at"]


@pytest.mark.parametrize("point", ["expire.recorded", "expire.answered"])
def test_an_expiry_whose_worker_was_killed_releases_once(
    api: Api, cistern_server: Any, tmp_path: Path, point: str
) -> None:
    """Another worker carries out an expiry that had not begun; the list settles one that had."""
    api.assign("1", "ann", lease="1h")
    (tmp_path / point).touch()
    expire(api, tmp_path)
    settled = operation(api, kind="release_vm")
    assert not (tmp_path / point).exists()
    assert settled["result"]["deletion"] == "done"
    assert len(cistern_server.asked("release")) == 1
    assert api.nodes() == ["2"]


def test_an_expiry_whose_answer_got_lost_is_settled_by_the_list(
    api: Api, cistern_server: Any, tmp_path: Path
) -> None:
    api.assign("1", "ann", lease="1h")
    cistern_server.misbehave("silence", on="release")
    expire(api, tmp_path)
    paused = operation(api, kind="release_vm")
    assert (paused["state"], paused["error"]["error_code"]) == ("paused", "release_unknown")
    assert api.nodes() == ["1", "2"]


def test_a_cistern_that_is_down_is_asked_again(
    api: Api, cistern_server: Any, tmp_path: Path
) -> None:
    api.assign("1", "ann", lease="1h")
    cistern_server.misbehave("503 busy", on="nodes")
    waiting = expire(api, tmp_path)["id"]
    wait_for(
        lambda: api.operation(waiting), lambda one: one["attempts"] > 1 and one["error"] is not None
    )
    assert cistern_server.asked("release") == []
    cistern_server.behave()
    assert api.settled(waiting)["result"]["deletion"] == "done"


def test_a_refused_expiry_is_repeated_in_sight(
    api: Api, cistern_server: Any, tmp_path: Path
) -> None:
    assignment = api.assign("1", "ann", lease="1h").json()["assignment"]
    cistern_server.misbehave("refusal", on="release")
    waiting = expire(api, tmp_path)["id"]
    seen = wait_for(lambda: api.operation(waiting), lambda one: one["attempts"] > 1)
    assert seen["error"] == {"error_code": "refused", "detail": "No VM of that type"}
    assert api.assignment(assignment)["state"] == "releasing"
    assert api.nodes() == ["1", "2"]
    cistern_server.behave()
    assert api.settled(waiting)["result"]["deletion"] == "done"
    assert api.nodes() == ["2"]


def test_an_expired_vm_that_is_free_already_is_destroyed(
    api: Api, cistern_server: Any, tmp_path: Path
) -> None:
    """Cistern refuses to release the VM a second time, and its list shows that the VM is free."""
    api.assign("1", "ann", lease="1h")
    cistern_server.nodes["fake_driver"][0]["user"] = ""
    expire(api, tmp_path)
    assert operation(api, kind="release_vm")["result"]["deletion"] == "done"


def test_an_expired_vm_that_another_user_holds_by_now_is_left_alone(
    api: Api, cistern_server: Any, tmp_path: Path
) -> None:
    api.assign("1", "ann", lease="1h")
    cistern_server.nodes["fake_driver"][0]["user"] = "bob"
    expire(api, tmp_path)
    paused = operation(api, kind="release_vm")
    assert (paused["state"], paused["error"]["error_code"]) == ("paused", "release_unknown")
    assert "shows another user" in paused["error"]["detail"]
    assert cistern_server.asked("release") == []
    assert api.nodes() == ["1", "2"]
