"""Leases as callers see them: assigning and renewing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.stateful import Api, Json, leases_end, settings, stateful


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("leases")


@pytest.fixture(scope="module")
def url(folder: Path) -> str:
    return f"sqlite:///{folder}/state.db"


@pytest.fixture(scope="module")
def api(folder: Path, url: str) -> Iterator[Api]:
    """Serve without a durable worker, so that expired VMs are not taken back."""
    with stateful(settings(f'url = "{url}"\nworker = false', "hints = true"), folder) as running:
        yield running


def seconds_left(answer: Json, since: str) -> float:
    ends, began = (datetime.fromisoformat(text) for text in (answer["lease_expires_at"], since))
    return (ends - began).total_seconds()


def on_lease(api: Api, lease: str = "8h") -> tuple[str, Json]:
    """Start a VM and assign it; return its id and the answer."""
    node = api.started()
    answer = api.assign(node, lease=lease)
    assert answer.status_code == 200, answer.text
    return node, answer.json()


@pytest.mark.parametrize(
    ("lease", "seconds"),
    [
        ("8h", 28_800),
        ("90s", 90),
        ("30m", 1800),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1d1h1m1s", 90_061),
        ("365d", 365 * 86_400),
        ("001m", 60),
    ],
)
def test_a_lease_is_told_and_kept(api: Api, lease: str, seconds: int) -> None:
    _, answer = on_lease(api, lease)
    shown = api.assignment(answer["assignment"])
    assert shown["lease_expires_at"] == answer["lease_expires_at"]
    assert seconds_left(answer, shown["assigned_at"]) == pytest.approx(seconds, abs=0.1)
    assert [event["reason"] for event in shown["history"]] == [None]


def test_without_one_the_answer_is_what_it_was(api: Api) -> None:
    answer = api.assign(api.started()).json()
    assert set(answer) == {"status", "id", "id_vm", "result", "assignment", "generation"}
    assert api.assignment(answer["assignment"])["lease_expires_at"] is None


def test_assigning_again_leaves_the_lease_as_it_is(api: Api) -> None:
    node, first = on_lease(api)
    assert api.assign(node, lease="1s").json() == api.assign(node).json() == first
    free = api.started()
    without = api.assign(free).json()
    assert api.assign(free, lease="1s").json() == without


def test_a_renewal_counts_from_now_and_may_shorten(api: Api) -> None:
    node, first = on_lease(api)
    longer, shorter = api.renew(node, "2d").json(), api.renew(node, "1m").json()
    now = api.assignment(first["assignment"])["history"][-1]["at"]
    assert seconds_left(longer, now) == pytest.approx(172_800, abs=5)
    assert seconds_left(shorter, now) == pytest.approx(60, abs=0.1)
    assert shorter == {
        **first,
        "result": f"Node {node} renewed",
        "lease_expires_at": shorter["lease_expires_at"],
    }
    assert api.assign(node).json()["lease_expires_at"] == shorter["lease_expires_at"]


def test_the_history_and_the_operations_tell_of_renewals(api: Api) -> None:
    node, answer = on_lease(api)
    renewed = api.put(
        "/vm/action/renew", {"node": node, "lease": "1h"}, **{"X-Request-ID": "renewal-1"}
    ).json()
    (operation,) = api.operations(request_id="renewal-1")
    assert (operation["kind"], operation["state"]) == ("renew_vm", "succeeded")
    kept = ("result", "assignment", "generation", "lease_expires_at")
    node_of = {"id": node, "cloud": "fake_driver"}
    assert operation["result"] == {"node": node_of, **{key: renewed[key] for key in kept}}
    event = api.assignment(answer["assignment"])["history"][-1]
    assert (event["state"], event["reason"]) == ("active", "renewed")
    assert (event["operation"], event["request_id"]) == (operation["id"], "renewal-1")


def test_no_cloud_is_asked_for_a_renewal(api: Api) -> None:
    node, answer = on_lease(api)
    hints = {"X-Cloud-Hints": "fault=error"}
    assert api.stop(node, **hints).status_code == 502
    api.put("/vm/action/poweroff", {"node": node})
    before = api.server.log().count("cloud call")
    body = {"hostname": f"dummy-{node}", "lease": "1h"}
    renewed = api.put("/vm/action/renew", body, **hints)
    # The stop has begun, so that a renewal is refused without asking the backend.
    assert (renewed.status_code, renewed.json()["error_code"]) == (400, "refused")
    other, _ = on_lease(api)
    before = api.server.log().count("cloud call")
    assert api.renew(other).status_code == 200
    assert api.server.log().count("cloud call") == before
    assert answer["generation"] == 1


def test_a_hostname_will_do_for_a_renewal(api: Api) -> None:
    node, answer = on_lease(api)
    body = {"hostname": f"dummy-{node}", "lease": "1h"}
    assert api.put("/vm/action/renew", body).json()["assignment"] == answer["assignment"]
    assert api.put("/vm/action/renew", {**body, "node": node}).status_code == 200
    wrong = api.put("/vm/action/renew", {**body, "node": "1"}).json()
    assert wrong["field"] == "hostname"
    assert wrong["message"].endswith(f"'dummy-{node}' is node {node}, but node is '1'")
    unknown = api.put("/vm/action/renew", {"hostname": "unknown", "lease": "1h"})
    assert unknown.json()["message"] == "No node with the hostname 'unknown' is assigned"


def test_what_cannot_be_renewed_is_told_and_left_alone(api: Api) -> None:
    node, answer = on_lease(api)
    before = api.assignment(answer["assignment"])
    free, given = api.started(), api.started()
    api.assign(given)
    refused = {
        f"Node {free} is not assigned": api.renew(free),
        f"Node {given} has no lease": api.renew(given),
        "The VM never had generation 2; its generation is 1": api.renew(node, generation=2),
        "Node 777 is not assigned": api.renew("777"),
    }
    for message, told in refused.items():
        assert (told.status_code, told.json()["message"]) == (400, message)
        assert told.json()["error_code"] == "refused"
    assert api.assignment(answer["assignment"]) == before
    assert api.renew(node, generation=1).status_code == 200
    assert api.release(node).status_code == 200
    assert api.renew(node).json()["message"] == f"Node {node} is not assigned"


def test_what_is_no_generation_is_named(api: Api) -> None:
    answer = api.renew("1", generation="1")
    assert (answer.status_code, answer.json()["field"]) == (400, "generation")
    missing = api.put("/vm/action/renew", {"node": "1"}).json()
    assert missing["message"] == "Param not valid: lease: is missing"


def test_a_lease_that_has_run_out_is_not_renewed(api: Api, url: str) -> None:
    node, answer = on_lease(api)
    leases_end(url, node)
    before = api.assignment(answer["assignment"])
    for late in (api.renew(node), api.renew(node, generation=1), api.assign(node)):
        assert (late.status_code, late.json()["error_code"]) == (400, "refused")
        assert late.json()["message"] == f"The lease of node {node} has expired"
    assert api.assignment(answer["assignment"]) == before
    assert api.assign(node, user="eve").status_code == 400
    assert api.release(node).json()["deletion"] == "done"
    assert api.assignment(answer["assignment"])["end_reason"] == "released"


def test_the_same_key_renews_once(api: Api) -> None:
    node, _ = on_lease(api)
    body, key = {"node": node, "lease": "1h"}, {"Idempotency-Key": "renewal"}
    first, second = (api.put("/vm/action/renew", body, **key) for _ in range(2))
    assert (first.status_code, first.json()) == (200, second.json())
    assert second.headers["Idempotency-Replayed"] == "true"
    other = api.put("/vm/action/renew", {**body, "lease": "2h"}, **key)
    assert (other.status_code, other.json()["error_code"]) == (422, "idempotency_key_reused")
    assert len(api.operations(node=node, kind="renew_vm")) == 1


def test_the_key_of_a_refused_renewal_may_be_used_again(api: Api) -> None:
    node, key = api.started(), {"Idempotency-Key": "refused renewal"}
    body = {"node": node, "lease": "1h"}
    assert api.put("/vm/action/renew", body, **key).status_code == 400
    api.assign(node, lease="8h")
    assert api.put("/vm/action/renew", body, **key).status_code == 200


def test_a_renewal_need_not_be_waited_for(api: Api) -> None:
    node, _ = on_lease(api)
    body = {"node": node, "lease": "1h"}
    answer = api.put("/vm/action/renew", body, Prefer="respond-async")
    assert answer.status_code == 202
    assert api.operation(answer.json()["operation"])["state"] == "succeeded"


def test_without_a_database_there_are_no_leases(serve: Serve) -> None:
    api = Api(serve(settings("").replace("[state]", "")))
    for answer in (api.assign("1", lease="1h"), api.renew("1")):
        assert answer.status_code == 501
        assert "no [state]" in answer.json()["message"]
    api.http.close()
    api = Api(serve())
    answer = api.renew("1")
    assert (answer.status_code, answer.json()["error_code"]) == (501, "no_assignment_backend")
    api.http.close()
