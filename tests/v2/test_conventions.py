"""The conventions of version 2: problem details, pages, conditional requests, preferences."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import RAISE

from orchestrator_core.api.error_codes import error_codes
from orchestrator_core.api.v2 import schemas
from orchestrator_core.api.v2.openapi import document
from tests.v2.conftest import Client

PROBLEM = {"type", "title", "status", "detail", "error_code", "advice", "request_id"}
NODES = "/clouds/fake_driver/nodes"
START = {"name": "x", "image": "1", "size": "1"}


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) >= PROBLEM
    assert (body["status"], body["error_code"]) == (status, code)
    assert body["type"] == f"urn:orchestrator:problem:{code}"
    return body


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, "not_found"),
        ("/clouds/other/nodes", 404, "unknown_cloud"),
        (f"{NODES}/99", 404, "node_not_found"),
        ("/operations/99", 404, "no_such_record"),
        ("/assignments/99", 404, "no_such_record"),
        (f"{NODES}?limt=1", 400, "invalid_parameter"),
        (f"{NODES}?limit=0", 400, "invalid_parameter"),
        (f"{NODES}?limit=1&limit=2", 400, "invalid_parameter"),
        (f"{NODES}?cursor=x", 400, "invalid_parameter"),
        (f"{NODES}?state=happy", 400, "invalid_parameter"),
        ("/clouds?x=1", 400, "invalid_parameter"),
        ("/operations?state=happy", 400, "invalid_parameter"),
        ("/operations?cloud=other", 400, "invalid_parameter"),
        ("/operations/1?wait=1h", 400, "invalid_parameter"),
        ("/clouds/fake_driver/images?owner=x", 400, "invalid_parameter"),
    ],
)
def test_faults_of_reads(client: Client, path: str, status: int, code: str) -> None:
    body = problem(client.get(path), status, code)
    if code == "invalid_parameter":
        assert all(one["parameter"] and one["detail"] for one in body["errors"])


def test_a_path_of_nothing_names_where_each_version_begins(client: Client) -> None:
    detail = problem(client.get("/nowhere"), 404, "not_found")["detail"]
    assert "/api/v1/" in detail
    assert "/api/v2/" in detail


@pytest.mark.parametrize(
    ("method", "path", "header", "value"),
    [
        ("GET", NODES, "X-Cloud-Hints", "latency=1"),
        ("GET", f"{NODES}/1/console", "X-Cloud-Hints", "latency=1"),
        ("POST", f"{NODES}/1/actions/reboot", "X-Cloud-Hints", "latency=1"),
        ("POST", f"{NODES}/1/actions/reboot", "Idempotency-Key", "k" * 256),
    ],
)
def test_a_wrong_header_is_named_and_its_status_is_described(
    client: Client, method: str, path: str, header: str, value: str
) -> None:
    body = problem(
        client.http.request(method, path, headers={header: value}), 400, "invalid_parameter"
    )
    (one,) = body["errors"]
    assert one["parameter"] == header


@pytest.mark.parametrize("path", ["", "/1", "/1/console"])
def test_a_hint_that_the_driver_refuses_is_a_fault_of_the_header(serve: Any, path: str) -> None:
    cloud = '[clouds.fake_driver]\ndriver = "dummy"\nhints = true\n'
    one = Client(serve(f'default_cloud = "fake_driver"\n{cloud}'))
    with one.http:
        for method, url in (("GET", f"{NODES}{path}"), ("POST", f"{NODES}/1/actions/reboot")):
            answer = one.http.request(method, url, headers={"X-Cloud-Hints": "latency=-1"})
            (fault,) = problem(answer, 400, "invalid_parameter")["errors"]
            assert fault["parameter"] == "X-Cloud-Hints"
            assert fault["detail"].startswith("latency: must be")


def test_an_unknown_parameter_is_refused_with_the_nearest(client: Client) -> None:
    body = problem(client.get(f"{NODES}?limt=1"), 400, "invalid_parameter")
    (one,) = body["errors"]
    assert one["parameter"] == "limt"
    assert 'did you mean "limit"?' in one["detail"]


@pytest.mark.parametrize(
    ("query", "header", "status"), [("a" * 9000, "", 414), ("", "a" * 70_000, 431)]
)
def test_an_unreadable_head_is_refused_as_described(
    client: Client, query: str, header: str, status: int
) -> None:
    answer = client.http.get("/clouds", params={"name": query}, headers={"X-Long": header})
    responses = document()["paths"]["/clouds"]["get"]["responses"]
    assert list(responses[str(status)]["content"]) == [answer.headers["content-type"]]
    schema = schemas.UnreadableRequestSchema(unknown=RAISE)
    assert (answer.status_code, schema.validate(answer.json())) == (status, {})


def test_a_method_that_a_route_does_not_serve(client: Client) -> None:
    answer = client.http.put("/clouds")
    detail = problem(answer, 405, "not_implemented")["detail"]
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert detail == "PUT is not served here; the methods are GET, HEAD, OPTIONS"


def test_advice_is_for_callers_of_this_version(client: Client) -> None:
    for path, status, code in (
        ("/clouds/no/nodes", 404, "unknown_cloud"),
        (f"{NODES}?limt=1", 400, "invalid_parameter"),
    ):
        assert "version 1" not in problem(client.get(path), status, code)["advice"]
    assert not [one for one in error_codes() if "version 1" in one.advice]


def test_each_fault_of_a_body_has_a_pointer(client: Client) -> None:
    body = {"name": "", "image": "1", "root_disk": {"size": 0}, "networks": ["a", 1]}
    found = problem(client.post(NODES, body), 422, "invalid_parameter")
    pointers = {one["pointer"] for one in found["errors"]}
    assert pointers == {"#/name", "#/size", "#/root_disk/size", "#/networks/1"}


@pytest.mark.parametrize("raw", [b"", b'{"name":', b"[]"])
def test_a_body_that_is_no_object_is_a_fault_of_the_whole_body(client: Client, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.http.post(NODES, content=raw, headers=headers)
    (one,) = problem(answer, 422, "invalid_parameter")["errors"]
    assert one["pointer"] == "#"
    (one,) = problem(client.post(NODES, {**START, "body": 1}), 422, "invalid_parameter")["errors"]
    assert one["pointer"] == "#/body"


def test_an_unknown_image_is_a_fault_of_the_body(client: Client) -> None:
    problem(client.post(NODES, {**START, "image": "no"}), 422, "image_not_found")


def test_pages_by_cursor(client: Client) -> None:
    client.started()
    first = client.get(f"{NODES}?limit=2")
    assert [node["id"] for node in first.json()["nodes"]] == ["1", "2"]
    assert first.headers["link"].endswith('>; rel="next"')
    target = first.headers["link"].partition(">")[0].lstrip("<")
    later = client.http.get(target.replace("/api/v2", "", 1)).json()
    assert "3" in {node["id"] for node in later["nodes"]}
    assert later["next"] is None


@pytest.mark.parametrize("path", [NODES, f"{NODES}/1", "/clouds/fake_driver/images"])
def test_what_is_unchanged_is_not_sent_again(client: Client, path: str) -> None:
    etag = client.get(path).headers["etag"]
    again = client.http.get(path, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    changed = client.http.get(path, headers={"If-None-Match": '"other"'})
    assert changed.status_code == 200


def test_a_start_names_its_operation_and_its_place(client: Client) -> None:
    answer = client.post(NODES, {**START, "wait_for": "address"})
    assert answer.status_code == 201
    node = answer.json()["node"]
    assert (node["state"], answer.json()["reached"]) == ("running", "address")
    assert answer.headers["location"] == f"/api/v2{NODES}/{node['id']}"
    operation = client.get(f"/operations/{answer.json()['operation']}?wait=5s").json()
    assert (operation["state"], operation["node"]) == ("succeeded", node["id"])
    shown = client.get(f"{NODES}/{node['id']}").json()
    assert shown == {**node, "holder": None}


def test_a_caller_that_does_not_wait(client: Client) -> None:
    answer = client.post(NODES, START, Prefer="respond-async")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert int(answer.headers["retry-after"]) >= 1
    place = answer.headers["location"].removeprefix("/api/v2")
    ended = client.get(f"{place}?wait=20s").json()
    assert ended["state"] == "succeeded"
    assert ended["result"]["node"]["id"] == ended["node"]


def test_a_caller_that_waits_for_some_time(client: Client) -> None:
    answer = client.post(NODES, START, Prefer="wait=30")
    assert answer.status_code == 201


@pytest.mark.parametrize("key", ["plain-1", '"quoted-1"'])
def test_the_same_key_gets_the_first_answer_again(client: Client, key: str) -> None:
    first = client.post(NODES, START, Idempotency_Key=key)
    again = client.post(NODES, START, Idempotency_Key=key.strip('"'))
    assert again.status_code == first.status_code == 201
    assert again.json()["node"]["id"] == first.json()["node"]["id"]
    assert again.headers["idempotency-replayed"] == "true"
    other = client.post(NODES, {**START, "name": "y"}, Idempotency_Key=key)
    problem(other, 422, "idempotency_key_reused")


def test_in_version_2_stop_stops_and_delete_destroys(client: Client) -> None:
    node = client.started()
    stopped = client.post(f"{NODES}/{node}/actions/stop")
    assert stopped.status_code == 200
    assert client.get(f"{NODES}/{node}").json()["state"] == "stopped"
    assert client.post(f"{NODES}/{node}/actions/start").status_code == 200
    assert client.get(f"{NODES}/{node}").json()["state"] == "running"
    problem(client.post(f"{NODES}/{node}/actions/explode"), 404, "not_found")
    problem(client.get(f"{NODES}/{node}/actions/stop"), 405, "not_implemented")
    problem(client.post(f"{NODES}/{node}"), 405, "not_implemented")
    assert client.delete(f"{NODES}/{node}").status_code == 200
    problem(client.get(f"{NODES}/{node}"), 404, "node_not_found")


def test_actions_with_a_body(client: Client) -> None:
    path = f"{NODES}/{client.started()}"
    resized = client.post(f"{path}/actions/resize", {"size": "Big"})
    assert (resized.status_code, resized.json()["pending"]) == (200, False)
    assert client.post(f"{path}/actions/rename", {"name": "db-1"}).status_code == 200
    assert client.get(path).json()["name"] == "db-1"
    made = client.post(f"{path}/actions/create_image", {"name": "db-backup"})
    assert made.json()["image"]["name"] == "db-backup"
    found = problem(client.post(f"{path}/actions/resize", {"siez": "2"}), 422, "invalid_parameter")
    assert {one["pointer"] for one in found["errors"]} == {"#/siez", "#/size"}
    problem(client.post(f"{path}/actions/resize", {"size": "no"}), 422, "size_not_found")
    assert client.get(f"{path}/console").json()["output"]


def test_an_assignment_is_a_resource(client: Client) -> None:
    node = client.started()
    made = client.assigned(node, lease="8h")
    path = f"/assignments/{made['assignment']}"
    shown = client.get(path)
    assert shown.headers["etag"] == '"1"'
    assert (shown.json()["user"], shown.json()["application"]) == ("ann", "cad")
    holder = client.get(f"{NODES}/{node}").json()["holder"]
    assert (holder["assignment"], holder["user"]) == (made["assignment"], "ann")
    renewed = client.post(f"{path}/renew", {"lease": "1h"}, If_Match='"1"')
    assert renewed.headers["etag"] == '"1"'
    assert renewed.json()["lease_expires_at"] < made["lease_expires_at"]
    stale = client.post(f"{path}/renew", {"lease": "1h"}, If_Match='"2"')
    problem(stale, 412, "stale_generation")
    assert stale.reason_phrase == "Precondition Failed"
    problem(client.post(f"{path}/renew", {"lease": "1h"}, If_Match="2"), 400, "invalid_parameter")
    released = client.delete(path)
    assert released.status_code == 200
    assert released.json()["deletion"] == "done"
    assert client.get(path).json()["state"] == "ended"
    problem(client.delete(path), 409, "not_assigned")


def test_the_answer_to_an_assign_has_the_etag_for_its_renewal(client: Client) -> None:
    body = {"node": client.started(), "user": "ann", "application": "cad", "lease": "8h"}
    made = client.post("/assignments", body)
    path = f"/assignments/{made.json()['assignment']}"
    renewed = client.post(f"{path}/renew", {"lease": "1h"}, If_Match=made.headers["etag"])
    assert renewed.status_code == 200
    assert "etag" not in client.delete(path, If_Match=renewed.headers["etag"]).headers


def test_the_answer_to_an_accepted_change_names_its_operation(client: Client) -> None:
    answer = client.post(NODES, START, Prefer="respond-async")
    assert answer.status_code == 202
    assert answer.headers["operation-id"] == answer.json()["operation"]["id"]


def test_refusals_have_codes_that_tell(client: Client) -> None:
    node = client.started()
    client.assigned(node)
    other = {"node": node, "user": "bob", "application": "cad"}
    problem(client.post("/assignments", other), 409, "already_assigned")
    kept = client.assigned(client.started())
    path = f"/assignments/{kept['assignment']}/renew"
    problem(client.post(path, {"lease": "1h"}), 409, "no_lease")
    neither = {"user": "bob", "application": "cad"}
    found = problem(client.post("/assignments", neither), 422, "invalid_parameter")
    assert found["errors"][0]["pointer"] == "#/node"


def test_filters_of_nodes(client: Client) -> None:
    node = client.started()
    client.post(f"{NODES}/{node}/actions/stop")
    stopped = client.get(f"{NODES}?state=stopped&name=dummy-*").json()["nodes"]
    assert [one["id"] for one in stopped] == [node]
    everywhere = client.get(f"/nodes?name=dummy-{node}").json()
    assert everywhere["complete"] is True
    assert [one["cloud"] for one in everywhere["nodes"]] == ["fake_driver"]
    problem(client.get("/nodes?clouds=other"), 400, "invalid_parameter")


def test_version_1_keeps_its_form(client: Client) -> None:
    url = str(client.http.base_url).rstrip("/").replace("/api/v2", "/api/v1")
    answer = client.http.get(f"{url}/nodes/other")
    assert answer.status_code == 500
    assert set(answer.json()) == {
        *("message", "status", "status_code"),
        *("status_long_message", "status_short_message"),
    }
