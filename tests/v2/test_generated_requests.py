"""Requests that schemathesis generates from the description, with all its checks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from orchestrator_core.api.v2.openapi import document
from tests.conftest import Server, running
from tests.stateful import settings as server_settings

CASES = int(os.environ.get("FUZZ_INPUTS", "12"))
TOKEN = "a-token-of-the-tests-with-enough-letters"
AUTH = """
[auth]
mode = "token"
[auth.tokens]
fuzz = "env:TEST_FUZZ_TOKEN"
"""

MEANINGFUL = {
    *("image_not_found", "size_not_found", "unsupported", "no_assignment_backend"),
    *("invalid_parameter", "stale_generation"),
}
"""Codes of requests that fit the schema and that the server refuses for their meaning."""

schema = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("generated")
    text = server_settings(f'url = "sqlite:///{folder}/state.db"') + AUTH
    with running(text, folder, {"TEST_FUZZ_TOKEN": TOKEN}) as one:
        yield one


def is_refused_for_its_meaning(response: Any) -> bool:
    return (
        response.status_code in (400, 409, 412, 422) and response.json()["error_code"] in MEANINGFUL
    )


@schema.parametrize()
@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_answer_contradicts_the_description(server: Server, case: Any) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    response = case.call(base_url=f"{server.url}/api/v2", headers=headers)
    left_out = [CHECKS.get_one("ignored_auth")]
    if is_refused_for_its_meaning(response):
        left_out.append(CHECKS.get_one("positive_data_acceptance"))
    case.validate_response(response, excluded_checks=left_out, headers=headers)
