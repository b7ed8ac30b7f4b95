"""Requests that schemathesis generates from the description, with all its checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import CHECKS

from orchestrator_core.api.v2.openapi import document
from tests.conftest import Server
from tests.generated_requests import TERMS, serving_generated_requests

MEANINGFUL = {
    *("image_not_found", "size_not_found", "unsupported", "no_assignment_backend"),
    *("invalid_parameter", "stale_generation"),
}
"""Codes of requests that fit the schema and that the server refuses for their meaning."""

schema = schemathesis.openapi.from_dict({**document(), "security": []})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_generated_requests(tmp_path_factory.mktemp("generated")) as one:
        yield one


def is_refused_for_its_meaning(response: Any) -> bool:
    return (
        response.status_code in (400, 409, 412, 422) and response.json()["error_code"] in MEANINGFUL
    )


@schema.parametrize()
@TERMS
def test_no_answer_contradicts_the_description(server: Server, case: Any) -> None:
    response = case.call(base_url=f"{server.url}/api/v2")
    left_out = [CHECKS.get_one("ignored_auth")]
    if is_refused_for_its_meaning(response):
        left_out.append(CHECKS.get_one("positive_data_acceptance"))
    case.validate_response(response, excluded_checks=left_out)
