"""Requests that schemathesis generates from version 1's description, with all its checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import CHECKS

from orchestrator_core.api.v1.openapi import document
from tests.conftest import Server
from tests.generated_requests import TERMS, serving_generated_requests
from tests.v1.test_document import WRONG_CLOUD

MEANINGFUL = {
    *("image_not_found", "size_not_found", "node_not_found", "refused", "invalid_parameter"),
    *("conflict", "unsupported", "no_assignment_backend", "not_implemented"),
    *("idempotency_key_reused", "idempotency_key_in_use"),
}
"""Codes of requests that fit the schema and that the server refuses for their meaning."""

# OPTIONS of /auth names no method, because POST answers 501.
schema = schemathesis.openapi.from_dict({**document(), "security": []}).exclude(path="/auth")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_generated_requests(tmp_path_factory.mktemp("generated")) as one:
        yield one


def is_documented_5xx(response: Any) -> bool:
    """Return whether the API document has this status: 500 for an unknown cloud, and 501."""
    if response.status_code == 500:
        return bool(response.json() == WRONG_CLOUD)
    return bool(response.status_code == 501)


def is_refused_for_its_meaning(response: Any) -> bool:
    return is_documented_5xx(response) or (
        response.status_code in (400, 409, 422, 501) and response.json()["error_code"] in MEANINGFUL
    )


def is_emulated(response: Any) -> bool:
    """Return whether the answer is the document's own, which is given whatever the headers say."""
    return bool(response.status_code == 200 and response.json().get("id_vm") == "-fake_id-")


def has_unknown_parameter(case: Any) -> bool:
    """Return whether the query has a parameter that is not described: version 1 ignores some."""
    operation = document()["paths"][case.path].get(case.method.lower(), {})
    known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    return not set(case.query or {}) <= known


@schema.parametrize()
@TERMS
def test_no_answer_contradicts_the_description(server: Server, case: Any) -> None:
    response = case.call(base_url=f"{server.url}/api/v1")
    # Version 1 answers 501, not 405, to a method that a path does not serve.
    left_out = [CHECKS.get_one("ignored_auth"), CHECKS.get_one("unsupported_method")]
    if is_documented_5xx(response):
        left_out.append(CHECKS.get_one("not_a_server_error"))
    if is_refused_for_its_meaning(response):
        left_out.append(CHECKS.get_one("positive_data_acceptance"))
    if response.status_code == 414 or has_unknown_parameter(case) or is_emulated(response):
        left_out.append(CHECKS.get_one("negative_data_rejection"))
    case.validate_response(response, excluded_checks=left_out)
