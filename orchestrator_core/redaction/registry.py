"""The secrets of this process, and their removal from what it shows and logs."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from orchestrator_core.redaction.binary import DEPTH, all_views
from orchestrator_core.redaction.forms import is_secret_name, parts, texts, url_password
from orchestrator_core.redaction.matcher import Matcher, Span
from orchestrator_core.redaction.views import fold, original

MARK: Final = "***"
"""What stands where a secret was."""

_VALUES: Final = 16
"""Values that are remembered of one source: a cloud may quote a password after its change."""

_BLOCK: Final = 128
_BLOCKS: Final = 8


class Registry:
    """Secrets from settings, and those that came up while the process runs.

    Those of the settings stay. Of the others about a thousand are remembered, in blocks: a new
    one costs no more than an automaton for its block.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, OrderedDict[str, None]] = {}
        self._kept_matcher: Matcher | None = None
        self._blocks: list[dict[str, None]] = []
        self._matchers: list[Matcher] = []

    def keep(self, secret: str, source: str) -> None:
        """Add a secret of the settings, the newest of its source."""
        values = self._kept.get(source)
        if values is not None and next(reversed(values), None) == secret:
            return
        with self._lock:
            values = self._kept.setdefault(source, OrderedDict())
            values[secret] = None
            values.move_to_end(secret)
            if len(values) > _VALUES:
                values.popitem(last=False)
            self._kept_matcher = None

    def register(self, secret: str) -> None:
        """Add a secret that came up while the process runs."""
        with self._lock:
            if any(secret in block for block in self._blocks[-_BLOCKS // 2 :]):
                return
            if not self._blocks or len(self._blocks[-1]) >= _BLOCK:
                self._blocks = [*self._blocks, {}][-_BLOCKS:]
                self._matchers = [*self._matchers, Matcher(())][-_BLOCKS:]
            self._blocks[-1][secret] = None
            self._matchers = [*self._matchers[:-1], Matcher(_parts(self._blocks[-1]))]

    def redact(self, text: str, *, may_be_cut: bool, depth: int = DEPTH) -> str:
        """Return a text without the secrets; see :func:`redact`."""
        matchers = self._all_matchers()
        if not matchers or not text:
            return text
        if not depth and not may_be_cut and _is_unescaped(text):
            folded = fold(text)
            if all(matcher.is_clear(folded) for matcher in matchers):
                return text  # nearly every line of the log: a view of it costs more than it holds
        spans: list[Span] = []
        is_ascii = all(matcher.is_ascii for matcher in matchers)
        for view in all_views(
            original(text, may_be_cut=may_be_cut), is_ascii=is_ascii, depth=depth
        ):
            for matcher in matchers:
                spans.extend(matcher.spans(view))
        return _struck_out(text, spans) if spans else text

    def _all_matchers(self) -> list[Matcher]:
        if not self._kept:
            return self._matchers
        matcher = self._kept_matcher
        if matcher is None:
            with self._lock:
                secrets = {secret: None for values in self._kept.values() for secret in values}
                matcher = self._kept_matcher = Matcher(_parts(secrets))
        return [matcher, *self._matchers]

    def renew_lock(self) -> None:
        """Take another lock, in a child whose parent may have held this one."""
        self._lock = threading.Lock()


def _is_unescaped(text: str) -> bool:
    """Whether a text is what it reads, and nothing in it may have been cut off."""
    return text.isascii() and not any(sign in text for sign in ("%", "\\", "&", "..."))


def _parts(secrets: dict[str, None]) -> set[str]:
    return {part for secret in secrets for part in parts(secret)}


def _struck_out(text: str, spans: list[Span]) -> str:
    kept: list[str] = []
    last = 0
    for begin, end in _merged(spans):
        kept += (text[last:begin], MARK)
        last = end
    return "".join((*kept, text[last:]))


def _merged(spans: list[Span]) -> Iterator[Span]:
    spans.sort()
    begin, end = spans[0]
    for first, last in spans:
        if first >= end and first > begin:
            yield begin, end
            begin, end = first, last
        end = max(end, last)
    yield begin, end


_registry = Registry()
os.register_at_fork(after_in_child=_registry.renew_lock)


def keep_secret(secret: str, source: str) -> None:
    """Have a secret of the settings removed from all that this process shows from now on.

    Args:
        secret: its value.
        source: where it comes from. Of each source the last values are remembered.
    """
    if secret:
        _registry.keep(secret, source)


def keep_plain(value: str) -> None:
    """Have a value removed that stands in the settings where a secret may.

    Of a URL that is the password in it. What has letters alone is taken for a name: to remove
    every ``administrator`` would hide no secret.
    """
    if "://" in value:
        keep_secret(unquote(url_password(value) or ""), f"the password in {value}")
    elif not value.isalpha():
        keep_secret(value, f"the value {value}")


def keep_named(table: Mapping[str, Any]) -> None:
    """Have the texts removed whose names in a table of the settings say that they are secrets.

    A password that stands in a URL is one, whatever the URL's name.
    """
    for name, text in texts(table):
        if "://" in text:
            keep_plain(text)
        elif is_secret_name(name) and not text.startswith(("env:", "file:")):
            keep_secret(text, f"the value {text}")


def register_secret(value: str) -> None:
    """Have a secret removed from every message and log line of this process from now on.

    For what a plugin gets while it runs: a token that a login gave, a session's cookie, a key that
    was exchanged for another one. Secrets of the settings, and whatever came through ``env:`` or
    ``file:``, are known already. May be called from any thread, as often as wanted; about a
    thousand values are remembered, the newest.

    Args:
        value: the secret itself. One of fewer than eight characters is removed only where it
            stands alone as a value, since it may be a part of any word.

    .. versionadded:: 0.1
    """
    if value:
        _registry.register(value)


def redact(text: str) -> str:
    """Return a message with ``***`` in the place of every secret that this process knows.

    A secret is found as it is and in each usual encoding, whatever its case: base64 at any place
    in a longer text, hexadecimal, URL quoting, escapes of JSON, HTML, XML and Python, and layers
    of them. The beginning of a secret is found at the end of the text, and before an ellipsis.

    .. versionadded:: 0.1
    """
    return _registry.redact(text, may_be_cut=True)


def redact_line(line: str, *, is_plain: bool = False) -> str:
    """Return a whole line of the log without secrets, as :func:`redact` does with messages.

    Args:
        line: as it is going to be written.
        is_plain: whether nothing in it is long enough to be base64 or hexadecimal of a secret:
            most lines are so, and to decode them would cost a tenth of a request.
    """
    return _registry.redact(line, may_be_cut=False, depth=0 if is_plain else DEPTH)
