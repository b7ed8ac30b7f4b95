"""Requests that schemathesis generates from the description, with all its checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import CHECKS

from orchestrator_core.api.v2.openapi import document
from tests.generated_requests import (
    TERMS,
    Target,
    of_existing_things,
    serving_generated_requests,
)

MEANINGFUL = {
    *("image_not_found", "size_not_found", "unsupported", "no_assignment_backend"),
    *("invalid_parameter", "stale_generation", "already_assigned", "not_assigned", "no_lease"),
    *("assignment_in_progress", "being_destroyed", "idempotency_key_reused"),
    "idempotency_key_in_use",
}
"""Codes of requests that fit the schema and that the server refuses for their meaning."""

schema = schemathesis.openapi.from_dict(of_existing_things(document()))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with serving_generated_requests(tmp_path_factory.mktemp("generated")) as one:
        yield one


def is_refused_for_its_meaning(response: Any) -> bool:
    return (
        response.status_code in (400, 409, 412, 422) and response.json()["error_code"] in MEANINGFUL
    )


@schema.parametrize()
@TERMS
def test_no_answer_contradicts_the_description(target: Target, case: Any) -> None:
    response = target.send(case, "v2")
    left_out = [CHECKS.get_one("ignored_auth")]
    if is_refused_for_its_meaning(response):
        left_out.append(CHECKS.get_one("positive_data_acceptance"))
    case.validate_response(response, excluded_checks=left_out)
