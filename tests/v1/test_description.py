"""The OpenAPI document of version 1: valid, whole and true; what it calls deprecated."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import validate

from orchestrator_core.api.v1.openapi import document
from orchestrator_core.api.v1.routes import TABLE, Route
from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN

_NOTHING: Any = None

OPERATIONS = [
    (path, method, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
]
OF_DOCUMENT = {about.name for route in TABLE for about in route.methods.values() if about.shown}
"""The operations with the examples of the API document; other examples are recorded."""

DEPRECATED = {
    *("/cloud", "/cloud/{cloud}", "/nodes/{cloud}/{node_id}"),
    *("/flavors", "/flavors/{cloud}", "/locations", "/locations/{cloud}"),
}
"""The paths that the API document does not have, and that version 2 serves better."""


def test_it_is_valid() -> None:
    validate(document())


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.path)
def test_every_method_is_described(route: Route) -> None:
    described = {name.upper() for name, about in route.methods.items() if about.status != 501}
    assert described == route.make(_NOTHING).served - {"HEAD", "OPTIONS"}


def test_operation_ids_are_unique() -> None:
    found = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(found) == len(set(found))


def test_the_server_serves_it(serve: Any) -> None:
    auth = '[auth]\nmode = "token"\n[auth.tokens]\nops = "env:TEST_OPS_TOKEN"\n'
    server = serve(DUMMY + auth, environment={"TEST_OPS_TOKEN": OPS_TOKEN})
    served = loopback.get(f"{server.url}/api/v1/openapi.json")
    assert served.json() == json.loads(json.dumps(document()))


def test_what_version_2_has_taken_over_is_deprecated() -> None:
    assert {path for path, _, operation in OPERATIONS if operation.get("deprecated")} == DEPRECATED


@pytest.mark.parametrize(
    ("path", "successor"),
    [
        ("/cloud", "/api/v2/clouds"),
        ("/cloud/fake_driver", "/api/v2/clouds/fake_driver"),
        ("/cloud/a%20b", "/api/v2/clouds/a%20b"),
        ("/flavors", "/api/v2/clouds/default/sizes"),
        ("/locations/wrong_driver", "/api/v2/clouds/wrong_driver/locations"),
        ("/nodes/fake_driver/a%2Fb", "/api/v2/clouds/fake_driver/nodes/a%2Fb"),
    ],
)
def test_a_deprecated_answer_names_its_successor(
    client: httpx2.Client, path: str, successor: str
) -> None:
    answer = client.get(path)
    assert answer.headers["Deprecation"] == "@1795910400"
    assert answer.headers["Link"] == f'<{successor}>; rel="successor-version"'


@pytest.mark.parametrize("path", ["/", "/nodes", "/images/fake_driver", "/sizes", "/nodes/x"])
def test_the_answers_of_the_document_have_no_such_headers(client: httpx2.Client, path: str) -> None:
    assert not {"Deprecation", "Link"} & set(client.get(path).headers)


def _sent(client: httpx2.Client, path: str, method: str, operation: Any) -> httpx2.Response:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    real = path.replace("{cloud}", "fake_driver")
    return client.request(method.upper(), real, json=content.get("example"))


def _example_of(operation: Any) -> Any:
    answer = operation["responses"].get("200", {})
    return answer.get("content", {}).get("application/json", {}).get("example")


@pytest.mark.parametrize("segment", ["", "/{cloud}"])
def test_every_documented_example_is_answered_as_shown(client: httpx2.Client, segment: str) -> None:
    """The examples are sent in the order of the document, to a new server."""
    shown = 0
    for path, method, operation in OPERATIONS:
        is_asked = path.endswith("/{cloud}") is bool(segment)
        if not is_asked or operation["operationId"] not in OF_DOCUMENT:
            continue
        answer = _sent(client, path, method, operation)
        assert answer.json() == json.loads(json.dumps(_example_of(operation))), path
        shown += 1
    assert shown == (11 if segment else 12)
