"""Idempotency-Key: a repeated request gets the same answer, and nothing is done twice."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.conftest import Serve
from tests.stateful import START, Api, settings, stateful


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with stateful(
        settings('url = "sqlite:///state.db"', "hints = true"), tmp_path_factory.mktemp("keys")
    ) as running:
        yield running


def test_the_same_key_gets_the_first_answer_again(api: Api) -> None:
    first, second = (api.start(**{"Idempotency-Key": "again"}) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


def test_every_change_takes_a_key(api: Api) -> None:
    node = api.started()
    bodies = {
        "/vm/action/reboot": {"node": node},
        "/vm/action/assign": {"node": node, "user": "u", "vm_type": "app"},
        "/vm/action/release": {"node": node},
    }
    for path, body in bodies.items():
        first, second = (api.put(path, body, **{"Idempotency-Key": "one"}) for _ in range(2))
        assert (first.status_code, first.json()) == (200, second.json()), path
        assert second.headers["Idempotency-Replayed"] == "true"
    node = api.started()
    first, second = (api.stop(node, **{"Idempotency-Key": "stop"}) for _ in range(2))
    assert (first.status_code, first.json()) == (200, second.json())


def test_the_order_of_a_body_does_not_count_and_its_values_do(api: Api) -> None:
    api.start(**{"Idempotency-Key": "body"})
    backwards = dict(reversed(list(START.items())))
    same = api.http.post("/vm/start", json=backwards, headers={"Idempotency-Key": "body"})
    assert same.headers["Idempotency-Replayed"] == "true"
    marked = codecs.BOM_UTF8 + json.dumps(backwards).encode()
    headers = {"Idempotency-Key": "body", "Content-Type": "application/json"}
    same = api.http.post("/vm/start", content=marked, headers=headers)
    assert same.headers["Idempotency-Replayed"] == "true"
    other = {**START, "name": "y"}
    answer = api.http.post("/vm/start", json=other, headers={"Idempotency-Key": "body"})
    assert (answer.status_code, answer.json()["error_code"]) == (422, "idempotency_key_reused")


def test_paths_have_keys_of_their_own(api: Api) -> None:
    key = {"Idempotency-Key": "path"}
    here = api.http.post("/vm/start", json=dict(START), headers=key)
    there = api.http.post("/vm/start/fake_driver", json=dict(START), headers=key)
    assert here.json()["nodes"]["id"] != there.json()["nodes"]["id"]


def test_twenty_at_once_start_one_vm(api: Api) -> None:
    before = api.nodes()
    headers = {"Idempotency-Key": "crowd", "X-Cloud-Hints": "latency=0.3"}

    def start(_: int) -> httpx2.Response:
        return api.start(**headers)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(start, range(20)))
    assert {answer.status_code for answer in answers} == {200, 409}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {answer["error_code"] for answer in refused} == {"idempotency_key_in_use"}
    waits = {one.headers["Retry-After"] for one in answers if one.status_code == 409}
    assert waits == {"1"}
    assert len(set(api.nodes()) - set(before)) == 1
    assert start(0).headers["Idempotency-Replayed"] == "true"


def test_a_request_that_was_wrong_may_be_mended_under_the_same_key(api: Api) -> None:
    key = {"Idempotency-Key": "mended"}
    wrong = api.http.post("/vm/start", json={**START, "image": "77"}, headers=key)
    assert wrong.status_code == 400
    assert api.start(**key).status_code == 200


def test_an_error_of_the_cloud_is_told_again_once_it_is_final(api: Api) -> None:
    key = {"Idempotency-Key": "lost", "X-Cloud-Hints": "lost_answer"}
    first = api.start(**key)
    assert first.status_code == 502
    api.settled(first.json()["operation"])
    again = api.start(**key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.json()["nodes"]["id"] in api.nodes()


def test_who_does_not_wait_is_told_the_same_operation_again(api: Api) -> None:
    headers = {
        "Idempotency-Key": "async",
        "Prefer": "respond-async",
        "X-Cloud-Hints": "latency=0.3",
    }
    first, second = (api.start(**headers) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.headers["Location"] == second.headers["Location"]
    api.settled(first.json()["operation"])
    assert api.start(**headers).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_what_is_no_key_is_refused(api: Api, key: str) -> None:
    answer = api.start(**{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_without_a_database_a_key_is_refused(serve: Serve) -> None:
    api = Api(serve())
    for header, value in (("Idempotency-Key", "k"), ("Prefer", "respond-async")):
        answer = api.start(**{header: value})
        assert (answer.status_code, answer.json()["field"]) == (400, header)
        assert "no [state]" in answer.json()["message"]
    api.http.close()
