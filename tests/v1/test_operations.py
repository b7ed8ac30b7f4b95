"""Operations: every change has one, which shows its outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.stateful import Api, settings, stateful


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with stateful(
        settings('url = "sqlite:///state.db"', "hints = true"),
        tmp_path_factory.mktemp("operations"),
    ) as running:
        yield running


def test_a_start_is_recorded_with_its_answer(api: Api) -> None:
    answer = api.start(**{"X-Request-ID": "start-1"})
    (operation,) = api.operations(request_id="start-1")
    assert operation["result"]["node"]["id"] == answer.json()["nodes"]["id"]
    assert (operation["kind"], operation["state"]) == ("start_vm", "succeeded")
    assert operation["node"] == answer.json()["nodes"]["id"]
    assert operation["parameters"] == {"name": "x", "image": "1", "size": "1"}
    history = api.operation(operation["id"])["history"]
    assert [attempt["outcome"] for attempt in history] == ["ok"]


def test_what_is_wrong_with_a_start_is_recorded_too(api: Api) -> None:
    answer = api.http.post("/vm/start", json={"name": "x", "image": "77", "size": "1"})
    assert answer.status_code == 400
    operation = api.operation(answer.json()["operation"])
    assert (operation["state"], operation["error"]["error_code"]) == ("failed", "image_not_found")


def test_a_stop_goes_on_until_the_vm_is_gone(api: Api) -> None:
    node = api.started()
    assert api.stop(node).json() == {"status": "ok", "result": f"Node {node} deleted"}
    (operation,) = api.operations(node=node, kind="stop_vm")
    settled = api.settled(operation["id"])
    assert [attempt["step"] for attempt in settled["history"]] == ["destroy", "confirm"]
    assert settled["result"] == {"node": {"id": node, "cloud": "fake_driver"}, "pending": False}


def test_a_stop_of_what_is_not_there_is_the_documented_error(api: Api) -> None:
    answer = api.stop("777")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "node_not_found")
    assert api.operation(answer.json()["operation"])["state"] == "failed"


@pytest.mark.parametrize("action", ["reboot", "poweroff", "poweron"])
def test_switching_is_recorded(api: Api, action: str) -> None:
    answer = api.put(f"/vm/action/{action}", {"hostname": "dummy-1"}, **{"X-Request-ID": action})
    assert answer.status_code == 200
    (operation,) = api.operations(request_id=action)
    assert operation["state"] == "succeeded"
    node = {"id": "1", "cloud": "fake_driver"}
    assert operation["result"] == {"node": node, "pending": False}


def test_the_newest_come_first_and_in_parts(api: Api) -> None:
    for _ in range(3):
        api.started()
    first = api.read("/operations", limit="2")
    assert len(first["operations"]) == 2
    rest = api.read("/operations", limit="2", cursor=first["next"])
    ids = [o["id"] for part in (first, rest) for o in part["operations"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4


def test_a_start_need_not_be_waited_for(api: Api) -> None:
    hints = {"Prefer": "respond-async", "X-Cloud-Hints": "latency=0.5"}
    answer = api.start(**hints)
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    operation = answer.json()["operation"]
    assert answer.headers["Location"] == f"/api/v2/operations/{operation}"
    assert api.operation(operation)["state"] == "running"
    settled = api.settled(operation)
    assert settled["result"]["node"]["id"] in api.nodes()


def test_what_is_refused_at_once_is_refused_at_once(api: Api) -> None:
    answer = api.http.post("/vm/start", json={"name": ""}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 400


def test_a_lost_answer_is_found_again(api: Api) -> None:
    before = api.nodes()
    answer = api.start(**{"X-Cloud-Hints": "lost_answer"})
    assert answer.status_code == 502
    settled = api.settled(answer.json()["operation"])
    (new,) = set(api.nodes()) - set(before)
    assert (settled["state"], settled["node"]) == ("succeeded", new)
    assert settled["result"]["node"]["name"] == f"dummy-{new}"
    assert [attempt["outcome"] for attempt in settled["history"]] == ["unknown", "ok"]


def test_a_key_that_is_given_twice_is_refused(api: Api) -> None:
    body = {"name": "x", "image": "1", "size": "1"}
    before = api.nodes()
    for second in ("one", "two"):
        headers = [("Idempotency-Key", "one"), ("Idempotency-Key", second)]
        answer = api.http.post("/vm/start", json=body, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")
        assert "is given twice" in answer.json()["message"]
    assert api.nodes() == before


def test_an_assignment_begins_with_its_operation(api: Api) -> None:
    node = api.started()
    assignment = api.assign(node).json()["assignment"]
    (operation,) = api.operations(kind="assign_vm", node=node)
    shown = api.assignment(assignment)
    assert [event["operation"] for event in shown["history"]] == [operation["id"]]


def test_a_key_may_come_with_whole_numbers_of_any_size(api: Api) -> None:
    body = {"name": "x", "image": "1", "size": "1", "metadata": {"n": 10**30}}
    headers = {"Idempotency-Key": "large", "Content-Type": "application/json"}
    first, again = (
        api.http.post("/vm/start", content=json.dumps(body), headers=headers) for _ in "12"
    )
    assert (first.status_code, again.json()) == (200, first.json())
    other = json.dumps({**body, "metadata": {"n": 10**30 + 1}})
    assert api.http.post("/vm/start", content=other, headers=headers).status_code == 422
