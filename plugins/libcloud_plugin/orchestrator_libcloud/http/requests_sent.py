"""Requests of one change: whether each can change something, and its outcome."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from orchestrator_libcloud.http.error_answer import ErrorAnswer
from orchestrator_libcloud.patterns import Pattern

_READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ACTIONS: Final = ("Action", "command", "api_action")
"""Parameters that name the action, in APIs where the HTTP method does not: Amazon's and Alibaba's,
CloudStack's, Linode's first API.
"""

_READING_WORDS: Final = ("describe", "list", "get", "read", "query", "search", "check", "info")
_METHOD_NAME: Final = Pattern(r"<methodName>\s*([\w.]+)\s*</methodName>")
_LOGINS: Final = frozenset({"tokens", "token", "login", "auth", "session", "sessions"})
"""Ends of the paths of requests that create a token: Keystone's, OAuth's, vCloud's and others'."""

_MOST_BYTES: Final = 4096
"""Number of bytes of a request's body that are searched for the name of its action."""

_REFUSED_WHOLE: Final = frozenset({401, 429})
"""Statuses that prove by themselves that a request was not carried out."""

_NOT_WHOLE: Final = frozenset({408, 499})
"""Statuses below 500 after which a request may still have been carried out."""

_SUCCESS: Final = range(200, 300)
_REFUSALS: Final = range(400, 500)
_REDIRECTS: Final = range(300, 400)


@dataclass(slots=True)
class SentRequest:
    """One request after the start of a change.

    Attributes:
        changes: whether it can change something.
        is_sent: whether a part of it is on its way.
        status: the status of its answer; None while there is no answer.
        error: its answer, if that is an error.
    """

    changes: bool
    is_sent: bool = False
    status: int | None = None
    error: ErrorAnswer | None = None

    @property
    def may_be_repeated(self) -> bool:
        """Return whether the same request may be sent again: it certainly was not carried out."""
        if not self.changes or not self.is_sent:
            return True
        return self.status is not None and (
            self.status in _REFUSED_WHOLE or self.status in _REDIRECTS
        )

    @property
    def is_refused(self) -> bool:
        """Return whether the cloud itself refused it, so that nothing of it was carried out."""
        return self.may_be_repeated or (self.error is not None and is_whole_refusal(self.error))

    @property
    def is_accepted(self) -> bool:
        """Return whether the answer says that it was carried out."""
        return self.changes and self.status in _SUCCESS


def is_nothing_done(requests: Iterable[SentRequest]) -> bool | None:
    """Return whether it is certain that none of these requests changed anything.

    False if one of them certainly did: it was accepted, and the driver continued with another
    request. None if that is not known: an answer is missing or is not the cloud's own; some APIs
    (XML-RPC) also report a refusal with a status of success.
    """
    sent = list(requests)
    if any(request.is_accepted for request in sent[:-1]):
        return False
    return True if sent and all(request.is_refused for request in sent) else None


def may_change(method: str, url: str, body: Any = None) -> bool:
    """Return whether a request can create, change or delete something.

    A request counts as a change unless it is known to only read or log in.
    """
    parts = urlsplit(url)
    text = _text(body)
    action = _action(parts.query) or _action(text) or _xml_rpc_method(text)
    if action is not None:
        return not action.rpartition(".")[2].lower().startswith(_READING_WORDS)
    if method.upper() in _READING_METHODS:
        return False
    last = parts.path.rstrip("/").rpartition("/")[2].lower()
    return last not in _LOGINS and not last.startswith(_READING_WORDS)


def is_whole_refusal(answer: ErrorAnswer) -> bool:
    """Return whether an error answer says that the request was refused before anything was done.

    Such an answer has a status below 500 and a body in the form of an API: JSON or XML. A page of
    HTML comes from a proxy, which may have passed the request on.
    """
    if answer.status not in _REFUSALS or answer.status in _NOT_WHOLE:
        return False
    if _is_about_tags(answer):
        return False
    if isinstance(answer.json(), dict | list):
        return True
    root = answer.xml()
    return root is not None and root.tag.rpartition("}")[2].lower() != "html"


def _is_about_tags(answer: ErrorAnswer) -> bool:
    """Return whether Amazon's API refused tags.

    Amazon itself then starts nothing. EC2-compatible clouds may create the instance first and tag
    it afterwards, within one request: they answer with this error although the instance runs.
    """
    root = answer.xml()
    if root is None:
        return False
    codes = (one.text or "" for one in root.iter() if one.tag.rpartition("}")[2] == "Code")
    texts = (one.text or "" for one in root.iter() if one.tag.rpartition("}")[2] == "Message")
    return any("Tag" in code for code in codes) or any(
        re.search(r"\btags?\b", text, re.IGNORECASE) for text in texts
    )


def _text(body: Any) -> str:
    if isinstance(body, bytes | bytearray):
        return bytes(body[:_MOST_BYTES]).decode("utf-8", "replace")
    return body[:_MOST_BYTES] if isinstance(body, str) else ""


def _action(query: str) -> str | None:
    if not any(f"{name}=" in query for name in _ACTIONS):
        return None
    given = dict(parse_qsl(query))
    return next((given[name] for name in _ACTIONS if name in given), None)


def _xml_rpc_method(body: str) -> str | None:
    found = _METHOD_NAME.search(body)
    return found[1] if found else None
