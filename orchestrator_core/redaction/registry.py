"""The secrets of this process, and their removal from all that it shows and logs."""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote

from orchestrator_core.redaction.binary import DEPTH, all_views
from orchestrator_core.redaction.forms import is_secret_name, parts, texts, url_password
from orchestrator_core.redaction.matcher import Matcher, Span
from orchestrator_core.redaction.views import fold, original

MARK: Final = "***"
"""The replacement of a secret."""

_VALUES: Final = 16
"""The number of values kept for one source: a cloud may quote a password after its change."""

_NAMED: Final = re.compile(
    r"""^[\s-]*(?:export\s+)?["']?(?P<name>[\w.-]+)["']?\s*[:=]\s*["']?(?P<value>\S.*?)["']?,?\s*$""",
    re.MULTILINE,
)
"""A line of YAML, of a shell or of an INI file that gives a name a value."""

_BLOCK: Final = 128
_BLOCKS: Final = 8


class Registry:
    """Secrets from the settings, and others that became known while the process runs.

    Those of the settings are kept. Of the others about a thousand are kept, in blocks, so that a
    new one costs only one automaton for its block.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, OrderedDict[str, None]] = {}
        self._kept_matcher: Matcher | None = None
        self._blocks: list[dict[str, None]] = []
        self._matchers: list[Matcher] = []

    def keep(self, secret: str, source: str) -> None:
        """Add a secret of the settings as the newest value of its source."""
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
        """Add a secret that became known while the process runs."""
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
                return text  # true for nearly every log line; a view would cost more
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

    @contextmanager
    def forgotten_afterwards(self) -> Iterator[None]:
        """Forget at the end what became known in between; see :func:`forgotten_afterwards`."""
        with self._lock:
            kept = {source: values.copy() for source, values in self._kept.items()}
            blocks, matchers = [block.copy() for block in self._blocks], self._matchers
        try:
            yield
        finally:
            with self._lock:
                self._kept, self._kept_matcher = kept, None
                self._blocks, self._matchers = blocks, matchers

    def renew_lock(self) -> None:
        """Replace the lock in a child process, whose parent may have held the old one."""
        self._lock = threading.Lock()


def _is_unescaped(text: str) -> bool:
    """Return whether a text has no escapes and no place where it may have been cut off."""
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
    """Remove a secret of the settings from all that this process shows from now on.

    Args:
        secret: the value of the secret.
        source: the origin of the secret; the last values of each source are kept.
    """
    if secret:
        _registry.keep(secret, source)


def keep_plain(value: str) -> None:
    """Remove a value from all output that is in the settings where a secret may be.

    If it is a URL, only the password in it is removed. A value of letters only counts as a name:
    removing every ``administrator`` would hide no secret.
    """
    if "://" in value:
        keep_secret(unquote(url_password(value) or ""), f"the password in {value}")
    elif not value.isalpha():
        keep_secret(value, f"the value {value}")


def keep_named(table: Mapping[str, Any]) -> None:
    """Remove the texts in a table of the settings whose names mark them as secrets.

    A password in a URL is a secret too, whatever the URL's name is.
    """
    for name, text in texts(table):
        if "://" in text:
            keep_plain(text)
        elif is_secret_name(name) and not text.startswith(("env:", "file:")):
            keep_secret(text, f"the value {text}")


def keep_inside(text: str) -> None:
    """Remove the secrets that a long text of the settings contains, and not the text itself.

    These are private keys in PEM form, the passwords of a URL, and the values of lines such as
    ``password: x`` and ``TOKEN=x``. The whole text as one secret would take 6 KB of memory for each
    of its bytes, in every process.
    """
    for part in islice(parts(text), 1, None):
        keep_secret(part, f"the value {part}")
    for found in _NAMED.finditer(text):
        if is_secret_name(found["name"]):
            keep_secret(found["value"], f"the value {found['value']}")


def register_secret(value: str) -> None:
    """Remove a secret from every message and log line of this process from now on.

    Use it for secrets that a plugin receives while it runs: the token of a login, the cookie of a
    session, a key that was exchanged for another one. Secrets of the settings, and all values from
    ``env:`` or ``file:``, are known already. It may be called from any thread, any number of times.
    The newest values, about a thousand, are kept.

    Args:
        value: the secret itself. If it has fewer than eight characters, it is removed only where it
            is a separate value, since it may be a part of any word.

    .. versionadded:: 0.1
    """
    if value:
        _registry.register(value)


def redact(text: str) -> str:
    """Return a message with ``***`` in the place of every secret that this process knows.

    A secret is found as it is and in each usual encoding, in upper or lower case: base64 at any
    place in a longer text, hexadecimal, URL quoting, escapes of JSON, HTML, XML and Python, and
    layers of them. The beginning of a secret is found at the end of the text and before an
    ellipsis.

    .. versionadded:: 0.1
    """
    return _registry.redact(text, may_be_cut=True)


def redact_line(line: str, *, is_plain: bool = False) -> str:
    """Return a whole log line without secrets, as :func:`redact` does with messages.

    Args:
        line: the line as it will be written.
        is_plain: whether the line contains nothing long enough to be a secret in base64 or
            hexadecimal. Most lines are so, and decoding them would cost a tenth of a request.
    """
    return _registry.redact(line, may_be_cut=False, depth=0 if is_plain else DEPTH)


def forgotten_afterwards() -> AbstractContextManager[None]:
    """Forget at the end each secret that became known in between: for tests in one process.

    Without it, a word that one test gives as a password would be ``***`` in all messages that later
    tests read.
    """
    return _registry.forgotten_afterwards()
