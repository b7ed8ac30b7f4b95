"""The OpenAPI document of version 2: valid, whole and true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from marshmallow import RAISE
from openapi_spec_validator import validate

from orchestrator_core import refusals
from orchestrator_core.api.error_codes import meaning_of
from orchestrator_core.api.v2 import schemas
from orchestrator_core.api.v2.openapi import document
from orchestrator_core.api.v2.routes import TABLE, Route
from orchestrator_core.errors import Refused
from tests.described import described_pairs
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


OPERATIONS = [
    (path, method, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
]


def test_the_report_of_a_cloud_has_the_described_keys_only(client: Client) -> None:
    report = client.get("/clouds/fake_driver").json()
    assert schemas.CloudReportSchema(unknown=RAISE).validate(report) == {}
    offer = report["operations"]["list_nodes"]
    for wrong in ({"unsupported": True}, {"supported": "maybe"}):
        operations = {"list_nodes": {**offer, **wrong}}
        assert schemas.CloudReportSchema().validate({**report, "operations": operations})


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_the_refusal_of_an_unknown_parameter_is_described(
    path: str, method: str, operation: Any
) -> None:
    """Every route refuses one; a change reads a body although it may need none."""
    found = {status: one["description"] for status, one in operation["responses"].items()}
    assert "`invalid_parameter`" in found["400"], (method, path)
    assert ("415" in found) is (method != "get"), (method, path)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("start_failed", {"start_node"}),
        ("no_cloud_answered", {"list_all_nodes"}),
        ("no_assignment_backend", {"assign", "renew", "release"}),
        ("released_not_destroyed", set()),  # only a server without a database releases so
    ],
)
def test_an_error_of_few_routes_is_described_for_these_only(code: str, names: set[str]) -> None:
    found = {
        operation["operationId"]
        for _, _, operation in OPERATIONS
        if any(f"`{code}`" in one["description"] for one in operation["responses"].values())
    }
    assert found == names


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_error_code_is_described_with_its_meaning(
    path: str, method: str, operation: Any
) -> None:
    """A reader of the description alone has no other page with the meanings."""
    for status, one in operation["responses"].items():
        if status[0] in "45":
            head, _, listed = one["description"].partition("\n\n")
            assert head == "Error codes:", (method, path, status)
            found = [re.fullmatch(r"- `(\w+)`: (.+[.])", line) for line in listed.splitlines()]
            assert found, (method, path, status)
            assert all(line and line[2] == meaning_of(line[1]) for line in found), listed


def test_an_answer_follows_a_preference_only_where_one_is_read() -> None:
    for path, method, operation in OPERATIONS:
        accepted = operation["responses"].get("202", {"headers": {}})
        names = {one["name"] for one in operation["parameters"]}
        assert ("Preference-Applied" in accepted["headers"]) is ("Prefer" in names), (method, path)


def test_every_field_and_parameter_is_described() -> None:
    """A field that holds an object of its own is described by that object."""
    parts = document()["components"]["schemas"]
    fields = [
        (name, key)
        for name, schema in parts.items()
        for key, about in schema.get("properties", {}).items()
        if not about.get("description") and not _refers(about)
    ]
    assert fields == []
    plain = [
        (path, one["name"])
        for path, _, operation in OPERATIONS
        for one in operation["parameters"]
        if not one["description"]
    ]
    assert plain == []
    assert document()["components"]["securitySchemes"]["token"]["description"]


def _refers(about: Any) -> bool:
    return "$ref" in json.dumps(about)


def test_sizes_of_disks_are_described_with_their_unit() -> None:
    parts = document()["components"]["schemas"]
    for name in ("RootDisk", "Volume"):
        assert "GB" in parts[name]["properties"]["size"]["description"]


def test_every_refusal_is_described_for_some_change() -> None:
    described = {
        code
        for path, method, _ in OPERATIONS
        for status, code in described_pairs(path, method)
        if status in (409, 412)
    }
    assert {kind.code for kind in vars(refusals).values() if _is_refusal(kind)} <= described


def _is_refusal(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Refused)


def test_every_tag_is_described() -> None:
    used = {tag for _, _, operation in OPERATIONS for tag in operation["tags"]}
    described = {tag["name"] for tag in document()["tags"] if tag["description"]}
    assert used == described
