"""Reader of Cistern's answers: results, refusals and answers that are invalid."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from marshmallow import Schema, ValidationError

from orchestrator_core import (
    CloudUnreachable,
    CredentialsRefused,
    InvalidAnswer,
    RateLimited,
    Refused,
    redact,
)

MAX_TEXT: Final = 500
"""Number of characters of Cistern's own text that are passed on."""

_DENIED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer. ``retry_after`` is in seconds."""

    status: int
    body: bytes
    retry_after: float | None = None


def read(title: str, answer: Answer, schema: Schema) -> dict[str, Any]:
    """Return the content of an answer.

    Args:
        title: the backend's title, for example ``Backend brain``; it starts every message except
            Cistern's own.
        answer: the answer as it was received.
        schema: the schema that the answer must match.

    Raises:
        Refused: Cistern refused, whatever the HTTP status; has Cistern's reason.
        CredentialsRefused, RateLimited, CloudUnreachable: the HTTP status says so.
        InvalidAnswer: the answer does not match the schema.
    """
    payload = _json(answer.body)
    reason = _refusal(payload)
    if reason:
        raise Refused(reason)
    check_status(title, answer)
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise InvalidAnswer(f"{title} answered with HTTP {answer.status} without a message")
    if not isinstance(payload, dict):
        raise InvalidAnswer(f"{title} returned an answer that is not a JSON object")
    try:
        return cast("dict[str, Any]", schema.load(payload))
    except ValidationError as error:
        fault = _first_fault(error.messages)
        raise InvalidAnswer(f"{title} returned an answer of the wrong form ({fault})") from None


def check_status(title: str, answer: Answer) -> None:
    """Raise the error that an HTTP status means for the server as a whole.

    Any 5xx counts as unreachable. Either Cistern or a proxy in front of it failed, so the request
    could not be served, and a later one may succeed.

    Raises:
        CredentialsRefused, RateLimited, CloudUnreachable: the server cannot serve us.
    """
    if answer.status in _DENIED:
        raise CredentialsRefused(f"{title} refused the credentials (HTTP {answer.status})")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(f"{title} asks for fewer requests", retry_after=answer.retry_after)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise CloudUnreachable(
            f"{title} failed (HTTP {answer.status})", retry_after=answer.retry_after
        )


def clean(text: str) -> str:
    """Return a text on one line, of limited length, without secrets and control characters."""
    text = redact(text)  # before it is cut, and before blanks replace characters of a secret
    visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    line = " ".join(visible.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _refusal(payload: Any) -> str:
    if not isinstance(payload, dict) or payload.get("status") != "error":
        return ""
    message = payload.get("message")
    return clean(message) if isinstance(message, str) else ""


def _first_fault(messages: Any) -> str:
    path: list[str] = []
    while isinstance(messages, Mapping):
        key, messages = next(iter(messages.items()))
        path.append(str(key))
    words = messages[0] if isinstance(messages, list) and messages else messages
    return f"{'.'.join(path)}: {words}"
