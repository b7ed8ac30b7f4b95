"""The scope of version 1: the document's routes, and nothing that version 2 is meant for."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import openapi, routes
from orchestrator_core.api.v2.nodes import ACTIONS as ACTIONS_OF_NODES
from orchestrator_core.api.v2.openapi import document as document_of_version_2
from tests import loopback
from tests.conftest import Server
from tests.stateful import Api, settings

DOCUMENT = openapi.document()
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
]
ACTIONS = ("assign", "release", "renew", "reboot", "poweron", "poweroff")
"""All actions of version 1."""

PLAIN = {
    *("", "/auth", "/cloud", "/cloud/{cloud}", "/openapi.json"),
    *("/nodes/{cloud}/{node_id:path}", "/vm/action/{action}", "/vm/action/{action}/{cloud}"),
}
WITH_CLOUD = {
    *("/nodes", "/images", "/sizes", "/flavors", "/locations"),
    *("/vm/start", "/vm/stop", "/vm/status"),
    *(f"/vm/action/{action}" for action in ACTIONS),
}
"""The routes whose last segment, the cloud, may be left out."""

ACTIONS_OF_VERSION_2 = set(ACTIONS_OF_NODES) - {"reboot"}

MOVED = (
    *("/operations", "/operations/7", "/vm/assignments", "/vm/assignments/7", "/assignments"),
    *("/orphans", "/processes", "/plugins", "/vm/console", "/vm/console/fake_driver"),
    *("/keypairs", "/networks", "/firewalls", "/keypairs/fake_driver", "/clouds"),
)
HEADERS = {"Idempotency-Key", "Prefer", "X-Cloud-Hints"}
ANSWER_HEADERS = {
    *("content-type", "content-length", "x-request-id", "date", "server", "connection"),
    *("deprecation", "link"),
}
FIELDS_OF_VERSION_2 = {"next", "next_marker", "cursor", "complete", "clouds", "holder", "advice"}


def test_version_1_has_the_routes_of_the_document_and_few_others() -> None:
    services: Any = Services(*[None] * 5)  # type: ignore[arg-type]
    found = [path for path, _ in routes.routes(services)]
    assert len(found) == len(set(found))
    assert set(found) == PLAIN | WITH_CLOUD | {f"{path}/{{cloud}}" for path in WITH_CLOUD}


@pytest.mark.parametrize("path", MOVED)
def test_what_version_2_serves_is_not_found(client: httpx2.Client, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "not_found")


def test_the_actions_are_those_of_version_1() -> None:
    described = {path.split("/")[3] for path, *_ in OPERATIONS if path.startswith("/vm/action/")}
    assert described == set(ACTIONS)


@pytest.mark.parametrize("action", sorted(ACTIONS_OF_VERSION_2))
@pytest.mark.parametrize("cloud", ["", "/fake_driver"])
def test_an_action_of_version_2_is_not_implemented(
    client: httpx2.Client, action: str, cloud: str
) -> None:
    body = {"node": "1", "name": "web", "size": "2"}
    answer = client.put(f"/vm/action/{action}{cloud}", json=body)
    unknown = client.put(f"/vm/action/explode{cloud}", json=body)
    assert (answer.status_code, answer.json()) == (501, unknown.json())


def test_no_route_describes_a_query_or_a_header_of_version_2() -> None:
    for path, method, operation in OPERATIONS:
        parameters = {(one["in"], one["name"]) for one in operation["parameters"]}
        headers = {name for place, name in parameters if place == "header"}
        assert {place for place, _ in parameters} <= {"header"}, (method, path)
        assert headers <= HEADERS, (method, path)


def test_no_schema_is_one_of_version_2() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name, schema in schemas.items():
        assert not FIELDS_OF_VERSION_2 & set(schema.get("properties", {})), name
    both = set(schemas) & set(document_of_version_2()["components"]["schemas"])
    assert not re.search("Operation|Orphan|Plugin|Process|Problem|Page", " ".join(both))


@pytest.mark.parametrize(
    "query", ["limit=1", "marker=1", "limit=x", "clouds=*", "cursor=x", "name=nothing", "x=1&x=2"]
)
@pytest.mark.parametrize("path", ["/nodes", "/images", "/sizes", "/locations", "/cloud"])
def test_a_list_is_whole_whatever_the_query(shared: Server, path: str, query: str) -> None:
    url = f"{shared.url}/api/v1{path}"
    answer = loopback.get(f"{url}?{query}")
    assert answer.status_code == 200
    assert answer.content == loopback.get(url).content
    conditional = loopback.get(url, headers={"If-None-Match": "*", "Prefer": "wait=1"})
    assert (conditional.status_code, conditional.content) == (200, answer.content)
    assert set(answer.headers) | set(conditional.headers) <= ANSWER_HEADERS


def test_an_operation_of_version_1_is_read_in_version_2(serve: Any) -> None:
    api = Api(serve(settings('url = "sqlite:///state.db"')))
    with api.http:
        accepted = api.start(Prefer="respond-async")
        assert accepted.status_code == 202
        operation = accepted.json()["operation"]
        assert accepted.json() == {"status": "ok", "operation": operation}
        assert accepted.headers["Location"] == f"/api/v2/operations/{operation}"
        place = api.http.get(f"{api.server.url}{accepted.headers['Location']}?wait=20s")
        assert (place.json()["id"], place.json()["state"]) == (operation, "succeeded")
        refused = api.stop("777")
        assert set(refused.json()) <= {
            *("message", "status", "status_code", "status_long_message", "status_short_message"),
            *("error_code", "operation"),
        }
        assert refused.headers["content-type"] == "application/json"
