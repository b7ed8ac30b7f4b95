"""Secrets by reference: ``env:NAME`` and ``file:PATH``, never the value itself."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from marshmallow import ValidationError, fields

from orchestrator_core.settings import kept_files
from orchestrator_core.settings.environment import EnvironmentText
from orchestrator_core.settings.files import why_unusable
from orchestrator_core.settings.paths import BASE_DIRECTORY
from orchestrator_core.settings.text import BYTE_ORDER_MARK, decode

_FORM = 'must be "env:NAME" or "file:PATH"'
_PLAIN_FORM = 'must be a text that is not empty; it may be "env:NAME" or "file:PATH"'


_SHORT: Final = 3
"""Characters up to which a secret is struck out only where it is a word of its own.

So few stand in other words by chance all the time: without them a log could not be read, and
``***lugin`` would tell everybody what is missing.
"""


class _Known:
    """Every secret that this process has read, in each form in which a line may show it."""

    def __init__(self) -> None:
        self._patterns: dict[str, re.Pattern[str]] = {}

    def add(self, secret: str) -> None:
        if secret in self._patterns:
            return
        found = {**self._patterns, **{form: _pattern(form) for form in _forms(secret)}}
        # The longest first: a shorter one that is part of it would leave the rest. And a new
        # table, since another thread may be in the middle of the old one.
        self._patterns = dict(sorted(found.items(), key=lambda item: -len(item[0])))

    def strike_out(self, text: str) -> str:
        for form, pattern in self._patterns.items():
            if form in text:
                text = pattern.sub("***", text)
        return text


def _forms(secret: str) -> Iterator[str]:
    """As it is, in JSON, in Python's own notation and in a URL."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret, safe="")


def _pattern(form: str) -> re.Pattern[str]:
    literal = re.escape(form)
    return re.compile(rf"(?<!\w){literal}(?!\w)" if len(form) <= _SHORT else literal)


_known = _Known()


class Secret:
    """A value that is read when it is needed and never shown.

    ``repr`` and ``str`` give the reference. Reading it anew each time is what lets
    rotated credentials take effect without a restart.
    """

    __slots__ = ("_plain", "_source", "reference")

    def __init__(self, reference: str, *, plain: str | None = None) -> None:
        self.reference = reference
        self._plain = plain
        kind, _, name = reference.partition(":")
        self._source: str | Path = BASE_DIRECTORY.get() / name if kind == "file" else name

    def reveal(self) -> str:
        """Return the secret as it is now.

        A file's final newline does not count, nor does a byte-order mark.

        :raises ValueError: when the variable is not set or the file cannot be read.
        """
        if self._plain is not None:
            return self._plain
        if isinstance(self._source, Path):
            value = _read(self._source, self.reference)
        elif not (value := os.environ.get(self._source, "").removeprefix(BYTE_ORDER_MARK)):
            # Not its name: somebody may have typed the secret in its place.
            raise ValueError("the environment variable that it names is not set")
        _known.add(value)
        return value

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return self.reference


open_files: set[Path] = set()
"""Files with secrets that this process has read and every user of the machine can read."""


def _read(path: Path, reference: str) -> str:
    try:
        with suppress(OSError):
            if path.stat().st_mode & stat.S_IROTH:
                open_files.add(path)
        value = decode(kept_files.read_settings_file(path)).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = why_unusable(path, error) if isinstance(error, OSError) else error.reason
        raise ValueError(f"{reference} cannot be read: {why}") from None
    if not value:
        raise ValueError(f"{reference} is empty")
    return value


def redact(text: str) -> str:
    """Return ``text`` with every secret that this process has read replaced by ``***``.

    One of up to three characters only where neither a letter nor a digit stands beside it.
    """
    return _known.strike_out(text)


def is_reference(value: Any) -> bool:
    """Whether this is a text of the form ``env:NAME`` or ``file:PATH``."""
    return isinstance(value, str) and value.startswith(("env:", "file:")) and value[-1] != ":"


def _load(reference: str, *, keep: bool = False) -> Secret:
    secret = Secret(reference)
    try:
        value = secret.reveal()
    except ValueError as error:
        raise ValidationError(str(error)) from None
    return Secret(reference, plain=value) if keep else secret


class SecretField(fields.Field[Secret]):
    """A marshmallow field that loads a reference into a :class:`Secret`.

    Args:
        allow_plain: also take the value itself. For what is not always a secret,
            a user name say.
        keep: read it once, when the settings are read. For what every worker needs to serve at
            all: one that is started later must not depend on a file that may be unreadable by then.
    """

    def __init__(self, *, allow_plain: bool = False, keep: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_plain = allow_plain
        self.keep = keep

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Secret:
        if is_reference(value):
            return _load(value, keep=self.keep)
        if not isinstance(value, str) or not value:
            raise ValidationError(_PLAIN_FORM if self.allow_plain else _FORM)
        if not self.allow_plain:
            raise ValidationError(f"{_FORM}, not the secret itself")
        return Secret("(plain)", plain=value)


class SecretMapping(fields.Field[dict[str, Any]]):
    """A table of anything, in which every reference, at any depth, becomes a Secret.

    Args:
        texts: whether the value of a key of that name is a text. A value that comes from the
            environment, ``true`` or ``12e10``, is one then; without it the value's own look
            decides, and ``true`` and ``12`` are none.

    .. versionchanged:: 0.1
        ``texts``.
    """

    def __init__(self, *, texts: Callable[[str], bool] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._texts = texts or _no_text

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        return {key: _load_nested(item, key, self._texts) for key, item in value.items()}


def _no_text(_name: str) -> bool:
    return False


def _load_nested(value: Any, name: str, texts: Callable[[str], bool]) -> Any:
    if isinstance(value, EnvironmentText):
        value = value.as_text() if texts(name) else value.guess()
    if is_reference(value):
        return _load(value)
    if isinstance(value, dict):
        return {key: _load_nested(item, key, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_load_nested(item, name, texts) for item in value]
    return value


def reveal_all(value: Any) -> Any:
    """Return the same structure with every :class:`Secret` in it replaced by its value."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: reveal_all(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal_all(item) for item in value]
    return value
