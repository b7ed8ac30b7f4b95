"""Error codes: the pages list every code that an answer can carry."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import orchestrator_core
from orchestrator_core import errors
from orchestrator_core.api import error_codes as registry
from orchestrator_core.api.error_codes import error_codes, operation_codes
from tests.loopback import DOCUMENTED

CORE = Path(orchestrator_core.__file__).parent
_ENDINGS = {"paused", "_end", "BodyRefused"}
"""Functions that take an error code, in any position."""


def test_each_code_stands_once_with_meaning_and_advice() -> None:
    listed = [*error_codes(), *operation_codes()]
    assert len({one.code for one in listed}) == len(listed)
    for one in listed:
        assert one.statuses
        assert one.meaning.endswith("."), one
        assert one.advice.endswith("."), one


def test_each_piece_of_advice_is_for_a_code() -> None:
    assert set(registry._ADVICE) <= {one.code for one in error_codes()}


def test_a_plugins_own_class_is_no_code_of_the_core() -> None:
    class Odd(errors.CloudError):
        code = "odd"

    assert "odd" not in {one.code for one in error_codes()}
    assert Odd("x").code == "odd"


def test_every_code_that_the_core_writes_is_listed() -> None:
    written = {code: place for file in CORE.rglob("*.py") for code, place in _codes(file)}
    assert {"not_started", "unknown_outcome", "body_too_large", "malformed_request"} <= set(written)
    assert {code for code in written if code not in DOCUMENTED} == {"settings"}, written


def _codes(file: Path) -> Iterator[tuple[str, str]]:
    """Yield each text that is passed as an error code, and its place."""
    if "testing" in file.parts:
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        for value in _given(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value, f"{file.name}:{value.lineno}"


def _given(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from (word.value for word in node.keywords if word.arg == "error_code")
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name in _ENDINGS:
            yield from (one for one in node.args[:2] if isinstance(one, ast.Constant))
    if isinstance(node, ast.ClassDef):
        for line in node.body:
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "code":
                yield line.value
    if isinstance(node, ast.Assign | ast.AnnAssign) and "_MESSAGES" in ast.unparse(node)[:12]:
        pairs = node.value.values if isinstance(node.value, ast.Dict) else []
        yield from (pair.elts[0] for pair in pairs if isinstance(pair, ast.Tuple))
