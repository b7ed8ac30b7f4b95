"""Checks of the answers on one connection against the documented ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_core.api.error_codes import error_codes, operation_codes
from orchestrator_core.api.problem import PHRASES

FIVE_KEYS: Final = frozenset(
    {"message", "status", "status_code", "status_long_message", "status_short_message"}
)
DETAILS: Final = frozenset({"error_code", "field", "node", "operation", "clouds"})
PAIRS: Final = frozenset(
    (status, one.code) for one in (*error_codes(), *operation_codes()) for status in one.statuses
)
"""Every documented pair of status and error code; an unknown cloud is a 500 without a code."""

CODES: Final = frozenset(code for _, code in PAIRS)
"""Every documented error code; version 2 has other statuses for some of them."""

LAST: Final = frozenset(
    {"malformed_request", "uri_too_long", "headers_too_large", "request_timeout", "body_timeout"}
)
"""Codes of refusals after which the rest of the connection cannot be parsed."""

NOT_MODIFIED: Final = b"HTTP/1.1 304 "
"""The start of an answer that has neither a body nor a length."""

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d) [ -~]*")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)")
_INNER: Final = re.compile(rb"Traceback|site-packages|\.py\b|0x[0-9a-f]{12}")


class BadAnswer(AssertionError):
    """An undocumented answer, or bytes that are not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a server; ``code`` is its ``error_code``."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Return whether the server announces that it closes the connection."""
        return self.headers.get("connection", "").lower() == "close"

    @property
    def code(self) -> str | None:
        """Return the error code; None if the answer is no error, or has none."""
        if self.status < 400 or not self.body:
            return None
        code: str | None = json.loads(self.body).get("error_code")
        return code


def answers_in(data: bytes, methods: Sequence[bytes]) -> Iterator[Answer]:
    """Yield the final answers in what a server sent.

    Args:
        data: everything up to the end of the connection, or up to where reading stopped.
        methods: the requests' methods; an answer to HEAD has no body.

    Raises:
        BadAnswer: The bytes are not well-formed HTTP.
    """
    number = 0
    while data:
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            raise BadAnswer(f"an answer without an end: {data[:200]!r}")
        status, headers = _head(head)
        if status == 100:
            data = rest
            continue
        # The refused request may be a HEAD that the other parser does not recognise.
        of_head = number >= len(methods) or methods[number] == b"HEAD"
        is_empty = head.startswith(NOT_MODIFIED)
        length = 0 if is_empty else int(headers.get("content-length", "-1"))
        if length < 0:
            raise BadAnswer(f"an answer without a length: {head[:300]!r}")
        if of_head and (not rest or rest.startswith(b"HTTP/1.")):
            length = 0
        if len(rest) < length:
            raise BadAnswer(f"a body of {len(rest)} bytes instead of {length}")
        yield Answer(status, headers, rest[:length])
        data = rest[length:]
        number += 1


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(first)
    if found is None:
        raise BadAnswer(f"no status line: {first[:200]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadAnswer(f"no header field: {line[:200]!r}")
        headers[field[1].decode().lower()] = field[2].decode("latin-1")
    return int(found[1]), headers


def check_answer(answer: Answer) -> None:
    """Raise BadAnswer if an answer is undocumented.

    Raises:
        BadAnswer: The answer is undocumented.
    """
    if _INNER.search(answer.body):
        raise BadAnswer(f"inner names in an answer: {answer.body[:500]!r}")
    if answer.status < 400:
        if answer.status == 302 and answer.headers.get("location") == "/docs":
            return
        if answer.status not in (200, 201, 202, 304):
            raise BadAnswer(f"an undocumented status: {answer.status}")
        if answer.body and json.loads(answer.body).get("status") not in ("ok", "partial", None):
            raise BadAnswer(f"no status in {answer.body[:200]!r}")
        return
    if answer.body:
        check_error(answer.status, answer.headers, json.loads(answer.body))


def check_error(status: int, headers: dict[str, str], error: dict[str, Any]) -> None:
    """Raise BadAnswer if an error lacks the five keys or a documented code.

    Raises:
        BadAnswer: A key is missing, or the code is undocumented.
    """
    if headers.get("content-type") == "application/problem+json":
        _check_problem(status, error)
        return
    if headers.get("content-type") != "application/json":
        raise BadAnswer(f"an error that is no JSON: {headers}")
    if not set(error) >= FIVE_KEYS or set(error) - FIVE_KEYS - DETAILS:
        raise BadAnswer(f"an error with other keys: {error}")
    short, long = PHRASES[status]
    told = (error["status"], error["status_code"])
    phrases = (error["status_short_message"], error["status_long_message"])
    if told != ("error", status) or phrases != (short, long) or not error["message"]:
        raise BadAnswer(f"an error with other values: {error}")
    code = error.get("error_code")
    is_unknown_cloud = code is None and status == 500 and set(error) == FIVE_KEYS
    if not is_unknown_cloud and (status, code) not in PAIRS:
        raise BadAnswer(f"{status} {code} is not documented: {error}")


def check_connection(data: bytes, methods: Sequence[bytes]) -> list[Answer]:
    """Return the answers on a connection after checking each of them and their order.

    Raises:
        BadAnswer: An answer or the order is wrong; the message says how.
    """
    answers = list(answers_in(data, methods))
    for number, answer in enumerate(answers):
        check_answer(answer)
        is_last = number == len(answers) - 1
        if (answer.closes or answer.code in LAST) and not is_last:
            raise BadAnswer(f"answers after the last one: {data[:2000]!r}")
        if answer.code in LAST and not answer.closes:
            raise BadAnswer(f"a refusal that does not close: {answer}")
    return answers


def _check_problem(status: int, problem: dict[str, Any]) -> None:
    """Check an error of version 2 (RFC 9457), which some of the generated paths reach."""
    if problem.get("status") != status or not problem.get("title"):
        raise BadAnswer(f"a problem with other values: {problem}")
    if problem.get("error_code") not in CODES:
        raise BadAnswer(f"an undocumented code: {problem}")
