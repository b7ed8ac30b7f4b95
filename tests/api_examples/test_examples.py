"""The examples of the descriptions: what a real server answers, for every route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.api.v1.openapi import document as document_of_version_1
from orchestrator_core.api.v2.openapi import document as document_of_version_2
from tests.api_examples.recorder import Operations
from tests.api_examples.version_2_refusals import NOT_SHOWN
from tests.api_examples.versions import RECORD, file_of, text_of
from tests.described import described_pairs

DOCUMENTS = {"v1": document_of_version_1(), "v2": document_of_version_2()}

AGAIN = "`make examples` records the examples again"


@pytest.mark.parametrize("version", RECORD)
def test_the_examples_are_what_a_server_answers(version: str, tmp_path: Path) -> None:
    committed = json.loads(file_of(version).read_text(encoding="utf-8"))
    answered = RECORD[version](tmp_path)
    for kind, known in committed.items():
        for name, example in known.items():
            assert answered[kind].get(name) == example, f"{version}, {kind}, {name}: {AGAIN}"
    assert text_of(answered) == text_of(committed), AGAIN


def _answers(version: str) -> Iterator[tuple[Operations, str, str]]:
    operations = Operations(DOCUMENTS[version])
    for name in operations:
        for status in operations.statuses(name):
            if operations.content(name, status):
                yield operations, name, status


@pytest.mark.parametrize("version", RECORD)
def test_every_answer_has_an_example(version: str) -> None:
    """A new route has none until it is part of the requests that are recorded."""
    missing = [
        (name, status)
        for operations, name, status in _answers(version)
        if int(status) < 400 and "example" not in operations.content(name, status)
    ]
    place = f"tests/api_examples/version_{version[1]}.py"
    assert missing == [], f"add their requests to {place}, then `make examples`"


def test_every_body_of_a_request_has_an_example() -> None:
    """It is sent when its answer is recorded."""
    for methods in DOCUMENTS["v2"]["paths"].values():
        for method, operation in methods.items():
            if method != "parameters" and "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                assert "example" in content, operation["operationId"]


@pytest.mark.parametrize("version", RECORD)
def test_every_example_has_the_form_of_its_schema(version: str) -> None:
    problems = DOCUMENTS[version]["components"].get("examples", {})
    for operations, name, status in _answers(version):
        content = operations.content(name, status)
        for body in _bodies(content, problems):
            operations.check(name, status, json.loads(json.dumps(body)))


def _bodies(content: dict[str, Any], problems: dict[str, Any]) -> Iterator[Any]:
    if "example" in content:
        yield content["example"]
    for one in content.get("examples", {}).values():
        yield problems[one["$ref"].rpartition("/")[2]]["value"]


def test_every_error_code_has_an_example_or_a_reason() -> None:
    operations = Operations(DOCUMENTS["v2"])
    shown: set[tuple[int, str]] = set()
    described: set[tuple[int, str]] = set()
    for name in operations:
        method, path, _ = operations.request(name)
        pairs = described_pairs(path, method.lower())
        examples = {
            (int(status), code)
            for status in operations.statuses(name)
            for code in operations.content(name, status).get("examples", {})
        }
        assert examples <= pairs, name
        described |= pairs
        shown |= examples
    missing = {code for _, code in described - shown}
    assert missing == set(NOT_SHOWN), "tests/api_examples/version_2_refusals.py"


def test_every_header_of_a_success_has_an_example() -> None:
    components = DOCUMENTS["v2"]["components"]["headers"]
    used = {
        about["$ref"].rpartition("/")[2]
        for methods in DOCUMENTS["v2"]["paths"].values()
        for method, operation in methods.items()
        if method != "parameters"
        for answer in operation["responses"].values()
        for about in answer.get("headers", {}).values()
    }
    assert {name for name in used if "example" not in components[name]} == set()
