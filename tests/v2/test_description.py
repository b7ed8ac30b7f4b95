"""The OpenAPI document of version 2: valid, whole and true."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from orchestrator_core.api.v2.openapi import document
from orchestrator_core.api.v2.routes import TABLE, Route
from tests.v2.conftest import Client

_NOTHING: Any = None


def test_it_is_valid() -> None:
    validate(document())


@pytest.mark.parametrize(
    "route", [route for route in TABLE if not route.is_part], ids=lambda route: route.path
)
def test_every_method_is_described(route: Route) -> None:
    parts = [one for one in TABLE if one.is_part and one.make is route.make]
    described = {method.upper() for one in (route, *parts) for method in one.methods}
    served = route.make(_NOTHING).served - {"HEAD", "OPTIONS"}
    assert described == served


def test_operation_ids_are_unique() -> None:
    found = [
        operation["operationId"]
        for path in document()["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(found) == len(set(found))


def test_the_server_serves_it(client: Client) -> None:
    assert client.get("/openapi.json").json() == json.loads(json.dumps(document()))


def test_every_example_of_a_body_is_carried_out(client: Client) -> None:
    """Each example is sent as it is, to the first VM that the examples start."""
    paths = document()["paths"]

    def example(path: str, method: str = "post") -> dict[str, Any]:
        body = paths[path][method]["requestBody"]["content"]["application/json"]["example"]
        found: dict[str, Any] = body
        return found

    sent = client.post("/clouds/fake_driver/nodes", example("/clouds/{cloud}/nodes"))
    assert sent.status_code == 201, sent.text
    body = {**example("/assignments"), "node": sent.json()["node"]["id"]}
    made = client.post("/assignments", body)
    assert made.status_code == 200, made.text
    path = f"/assignments/{made.json()['assignment']}/renew"
    renewed = client.post(path, example("/assignments/{assignment_id}/renew"))
    assert renewed.status_code == 200, renewed.text
