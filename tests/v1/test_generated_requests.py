"""Requests that schemathesis generates from version 1's description, with all its checks."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import CHECKS

from orchestrator_core.api.v1.openapi import document
from tests.generated_requests import (
    TERMS,
    Target,
    of_existing_things,
    serving_generated_requests,
)
from tests.v1.test_document import WRONG_CLOUD

NOT_IMPLEMENTED = {
    "message": "Not implemented",
    "status": "error",
    "status_code": 501,
    "status_long_message": "Server does not support this operation",
    "status_short_message": "Not Implemented",
    "error_code": "not_implemented",
}

MEANINGFUL = {
    *("image_not_found", "size_not_found", "node_not_found", "refused", "invalid_parameter"),
    *("conflict", "unsupported", "no_assignment_backend", "not_implemented"),
    *("idempotency_key_reused", "idempotency_key_in_use"),
}
"""Codes of requests that fit the schema and that the server refuses for their meaning."""

# OPTIONS of /auth names no method, because POST answers 501.
schema = schemathesis.openapi.from_dict(of_existing_things(document())).exclude(path="/auth")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with serving_generated_requests(tmp_path_factory.mktemp("generated")) as one:
        yield one


def is_documented_5xx(response: Any) -> bool:
    """Return whether the API document has this answer: for an unknown cloud, or not implemented.

    An operation that the cloud or its backend lacks has the same words before its own reason.
    """
    if response.status_code == 500:
        return bool(response.json() == WRONG_CLOUD)
    if response.status_code != 501:
        return False
    body = response.json()
    if body["error_code"] == "not_implemented":
        return bool(body == NOT_IMPLEMENTED)
    shown = {key: body[key] for key in ("status", "status_code", *_LONG_WORDS)}
    return bool(
        body["error_code"] in ("unsupported", "no_assignment_backend")
        and shown == {key: NOT_IMPLEMENTED[key] for key in shown}
    )


_LONG_WORDS = ("status_long_message", "status_short_message")


@pytest.mark.parametrize(
    ("status", "body", "is_documented"),
    [
        (500, WRONG_CLOUD, True),
        (501, NOT_IMPLEMENTED, True),
        (500, {**WRONG_CLOUD, "message": "Something unexpected happened"}, False),
        (500, {**WRONG_CLOUD, "error_code": "internal_error"}, False),
        (501, {**NOT_IMPLEMENTED, "message": "list index out of range"}, False),
        (501, {**NOT_IMPLEMENTED, "error_code": "internal_error"}, False),
        (501, {**NOT_IMPLEMENTED, "error_code": "unsupported", "status": "ok"}, False),
        (502, {**NOT_IMPLEMENTED, "status_code": 502}, False),
    ],
)
def test_only_documented_5xx_pass(
    status: int, body: dict[str, Any], *, is_documented: bool
) -> None:
    answer = SimpleNamespace(status_code=status, json=lambda: body)
    assert is_documented_5xx(answer) is is_documented


def is_refused_for_its_meaning(response: Any) -> bool:
    return (
        response.status_code in (400, 409, 422, 501) and response.json()["error_code"] in MEANINGFUL
    ) or (response.status_code >= 500 and is_documented_5xx(response))


def is_emulated(response: Any) -> bool:
    """Return whether the answer is the document's own, which is given whatever the headers say."""
    return bool(response.content and response.json().get("id_vm") == "-fake_id-")


def has_unknown_parameter(case: Any) -> bool:
    """Return whether the query has a parameter that is not described: version 1 ignores some."""
    operation = document()["paths"][case.path].get(case.method.lower(), {})
    known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    return not set(case.query or {}) <= known


@schema.parametrize()
@TERMS
def test_no_answer_contradicts_the_description(target: Target, case: Any) -> None:
    response = target.send(case, "v1")
    # Version 1 answers 501, not 405, to a method that a path does not serve.
    left_out = [CHECKS.get_one("ignored_auth"), CHECKS.get_one("unsupported_method")]
    if response.status_code >= 500 and is_documented_5xx(response):
        left_out.append(CHECKS.get_one("not_a_server_error"))
    if response.content and is_refused_for_its_meaning(response):
        left_out.append(CHECKS.get_one("positive_data_acceptance"))
    if response.status_code == 414 or has_unknown_parameter(case) or is_emulated(response):
        left_out.append(CHECKS.get_one("negative_data_rejection"))
    case.validate_response(response, excluded_checks=left_out)
