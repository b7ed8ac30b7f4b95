"""Assignments: the default backend, and the ledger behind every backend."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx2
import pytest

from tests.conftest import Serve
from tests.stateful import Api, settings, stateful


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with stateful(
        settings('url = "sqlite:///state.db"', "hints = true"), tmp_path_factory.mktemp("ledger")
    ) as running:
        yield running


def test_an_assignment_is_told_and_kept(api: Api) -> None:
    node = api.started()
    answer = api.assign(node).json()
    assert answer["result"] == f"Node {node} assigned"
    shown = api.assignment(answer["assignment"])
    assert (shown["node"], shown["user"], shown["application"]) == (node, "u", "app")
    assert (shown["state"], shown["generation"]) == ("active", answer["generation"])
    (vm,) = (vm for vm in api.get("/vm/status")["nodes"] if vm["id_vm"] == node)
    assert (vm["status"], vm["status_desc"], vm["user"], vm["recipe"]) == (
        2,
        "ASSIGNED",
        "u",
        "app",
    )


def test_a_repeat_gets_the_same_answer_and_another_holder_a_refusal(api: Api) -> None:
    node = api.started()
    first, again = api.assign(node), api.assign(node)
    assert first.json() == again.json()
    for other in (api.assign(node, user="v"), api.assign(node, vm_type="other")):
        assert (other.status_code, other.json()["error_code"]) == (400, "refused")
        assert "already assigned to another user or application" in other.json()["message"]


def test_a_hostname_will_do(api: Api) -> None:
    node = api.started()
    body = {"hostname": f"dummy-{node}", "user": "u", "vm_type": "app"}
    assert api.put("/vm/action/assign", body).json()["id_vm"] == node
    assert api.put("/vm/action/release", {"hostname": f"dummy-{node}"}).status_code == 200


def test_what_is_not_there_cannot_be_assigned(api: Api) -> None:
    assert api.assign("777").json()["error_code"] == "node_not_found"
    both = {"node": "1", "hostname": "dummy-2", "user": "u", "vm_type": "app"}
    assert api.put("/vm/action/assign", both).json()["field"] == "hostname"


def test_a_release_destroys_and_ends_the_assignment(api: Api) -> None:
    node = api.started()
    assigned = api.assign(node).json()
    answer = api.release(node).json()
    assert answer["result"] == f"Node {node} released and deleted"
    assert (answer["deletion"], answer["id"]) == ("done", assigned["id"])
    assert node not in api.nodes()
    shown = api.assignment(assigned["assignment"])
    assert (shown["state"], shown["end_reason"]) == ("ended", "released")
    assert [event["state"] for event in shown["history"]] == ["active", "releasing", "ended"]
    assert shown["history"][-1]["operation"] == answer["operation"]


def test_a_vm_without_a_holder_cannot_be_released(api: Api) -> None:
    node = api.started()
    answer = api.release(node)
    assert (answer.status_code, answer.json()["message"]) == (400, f"Node {node} is not assigned")
    assert node in api.nodes()


def test_stopping_an_assigned_vm_ends_its_assignment(api: Api) -> None:
    node = api.started()
    assignment = api.assign(node).json()["assignment"]
    assert api.stop(node).status_code == 200
    shown = api.assignment(assignment)
    assert (shown["state"], shown["end_reason"]) == ("ended", "stopped")


def test_a_refused_stop_leaves_the_assignment(api: Api) -> None:
    node = api.started()
    assignment = api.assign(node).json()["assignment"]
    hints = {"X-Cloud-Hints": "fault=error; error=conflict"}
    answer = api.put("/vm/stop", {"node": node}, **hints)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "conflict")
    shown = api.assignment(assignment)
    assert (shown["state"], shown["end_reason"]) == ("active", None)
    assert api.assign(node).json()["assignment"] == assignment


def test_an_old_generation_releases_nothing(api: Api) -> None:
    node = api.started()
    generation = api.assign(node).json()["generation"]
    late = api.release(node, generation=generation + 1)
    assert (late.status_code, late.json()["error_code"]) == (400, "refused")
    assert api.assign(node).status_code == 200
    assert api.release(node, generation=generation).status_code == 200


def test_a_generation_that_has_ended_is_told_from_one_that_never_was(api: Api) -> None:
    node = api.started()
    api.assign(node, lease="1h")
    for answer in (api.release(node, generation=7), api.renew(node, generation=7)):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
        never = "The VM never had generation 7; its generation is 1"
        assert answer.json()["message"] == never
    assert api.release(node, generation=1).status_code == 200


@pytest.mark.parametrize(
    "generation", [0, "1", None, 1.5, 2**31, 2**63, 2**64, 10**30, -(2**64)], ids=str
)
def test_what_is_no_generation_is_named(api: Api, generation: object) -> None:
    for answer in (api.release("1", generation=generation), api.renew("1", generation=generation)):
        assert (answer.status_code, answer.json()["field"]) == (400, "generation")
        wanted = "must not be null" if generation is None else "a whole number from 1 to 2147483647"
        assert wanted in answer.json()["message"]


def test_a_vm_that_the_ledger_does_not_know_has_no_number(api: Api) -> None:
    node = api.started()
    api.assign(node)
    numbers = {vm["id_vm"]: vm["id"] for vm in api.get("/vm/status")["nodes"]}
    assert numbers["2"] is None
    assert isinstance(numbers[node], int)
    assert numbers[node] == api.assign(node).json()["id"]


def test_the_ledger_can_be_asked(api: Api) -> None:
    node = api.started()
    api.assign(node, user="bert")
    (found,) = api.assignments(user="bert")
    assert found["node"] == node
    assert api.assignments(user="unknown-user") == []


def test_a_cloud_that_names_no_backend_uses_the_default_one(serve: Serve) -> None:
    toml = settings('url = "sqlite:///state.db"').replace('assignment = "given"\n', "")
    toml = toml.replace('[assignments.given]\nbackend = "given"\n', "")
    assert "given" not in toml
    api = Api(serve(toml))
    offers = api.get("/cloud/fake_driver")["cloud"]["operations"]
    assert offers["assign_vm"] == {"supported": True, "reason": None}
    assert api.assign("1").json()["result"] == "Node 1 assigned"
    shown = {vm["id_vm"]: vm["status"] for vm in api.get("/vm/status")["nodes"]}
    assert shown == {"1": 2, "2": 1}
    api.http.close()


def test_without_a_database_nothing_is_given_away(serve: Serve) -> None:
    toml = settings("", "").replace("[state]", "")
    api = Api(serve(toml))
    answer = api.assign("1")
    assert (answer.status_code, answer.json()["error_code"]) == (501, "no_assignment_backend")
    assert "no [state]" in answer.json()["message"]
    shown = api.http.get("/vm/status")
    assert (shown.status_code, shown.json()["error_code"]) == (501, "no_assignment_backend")
    offers = api.get("/cloud/fake_driver")["cloud"]["operations"]
    assert not offers["assign_vm"]["supported"]
    api.http.close()


def test_two_hundred_at_once_get_one_vm_each_or_a_clear_refusal(
    database_url: str, serve: Serve
) -> None:
    api = Api(serve(settings(f'url = "{database_url}"'), workers=4))
    vms = [api.started() for _ in range(50)]
    clients = [Api(api.server) for _ in range(200)]
    together = Barrier(len(clients))

    def assign(number: int) -> httpx2.Response:
        with clients[number].http:
            together.wait(60)
            return clients[number].assign(vms[number % 50], user=f"user-{number}")

    with ThreadPoolExecutor(len(clients)) as threads:
        answers = list(threads.map(assign, range(len(clients))))
    got = [answer.json()["id_vm"] for answer in answers if answer.status_code == 200]
    assert sorted(got) == sorted(vms)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {(a.status_code, a.json()["error_code"]) for a in refused} == {(400, "refused")}
    held = api.assignments(state="active", limit="999")
    assert len({one["node"] for one in held}) == len(held) == 50
    api.http.close()


def test_a_release_does_not_wait_for_a_cloud_that_takes_its_time(tmp_path: Path) -> None:
    cloud = "release_wait = 0.3\n[clouds.fake_driver.faults]\noperations = ['stop_vm']\nlatency = 1"
    with stateful(settings('url = "sqlite:///state.db"', cloud), tmp_path) as api:
        node = api.started()
        api.assign(node)
        answer = api.release(node).json()
        assert answer["result"] == f"Node {node} released and deletion pending"
        assert answer["deletion"] == "pending"
        again = api.assign(node)
        assert again.json()["message"] == f"Node {node} is being released or destroyed"
        settled = api.settled(answer["operation"])
        assert settled["result"]["deletion"] == "done"
        assert node not in api.nodes()
