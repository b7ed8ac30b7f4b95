"""The error codes and headers that the description of version 2 has for each route.

The description is read from the file that ``make pages`` writes and ``tests/docs/`` compares with
the code: making it takes a second, which a test may be measuring.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).parents[1] / "docs" / "reference" / "openapi-v2.json"
_ROOT: Final = "/api/v2/"
_FIRST_ERROR: Final = 400

_RAISED_ON_REQUEST: Final = frozenset({"conflict", "quota_exceeded", "refused"})
"""Codes of errors that test plugins raise in any hook; a cloud has no reason for them in a list."""


def is_described(method: str, path: str, status: int, code: str) -> bool:
    """Return whether a route of version 2 is described to answer with an error code.

    Paths of other versions, and paths and methods that are not served, are described nowhere.

    Args:
        method: the method of the request.
        path: its path, behind any prefix.
        status: the status of the answer.
        code: its error code.
    """
    _, found, below = path.partition(_ROOT)
    if not found or code in _RAISED_ON_REQUEST:
        return True
    routes = [template for template in _templates() if re.fullmatch(template, f"/{below}")]
    pairs = [described_pairs(_templates()[template], method.lower()) for template in routes]
    return not any(pairs) or any((status, code) in served for served in pairs)


def undescribed_headers(method: str, path: str, status: int, headers: Iterable[str]) -> set[str]:
    """Return the headers of a success that the description does not have for its route.

    Headers that are described nowhere, such as those of HTTP itself, are not returned.
    """
    _, found, below = path.partition(_ROOT)
    if not found or status >= _FIRST_ERROR:
        return set()
    routes = [template for template in _templates() if re.fullmatch(template, f"/{below}")]
    served = [_headers(_templates()[template], method.lower(), status) for template in routes]
    if not any(served):
        return set()
    ours = {name.lower() for name in _document()["components"]["headers"]}
    return {name.lower() for name in headers} & ours - frozenset[str]().union(*served)


@cache
def _document() -> Any:
    return json.loads(_FILE.read_text())


@cache
def _headers(path: str, method: str, status: int) -> frozenset[str]:
    operation = _document()["paths"][path].get(method, {"responses": {}})
    answer = operation["responses"].get(str(status), {})
    return frozenset(name.lower() for name in answer.get("headers", {}))


@cache
def _templates() -> dict[str, str]:
    """Return the paths of the description by the pattern of the paths that they serve."""
    return {re.sub(r"\{\w+\}", "[^/]+", path): path for path in _document()["paths"]}


@cache
def described_pairs(path: str, method: str) -> frozenset[tuple[int, str]]:
    """Return the statuses and codes of errors of a route; empty for a method not served."""
    operation = _document()["paths"][path].get(method, {"responses": {}})
    return frozenset(
        (int(status), code)
        for status, answer in operation["responses"].items()
        if int(status) >= _FIRST_ERROR
        for code in re.findall(r"`(\w+)`:", answer["description"])
    )
