"""Secrets by reference: ``env:NAME`` and ``file:PATH``, never the value itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

from orchestrator_core.redaction import keep_inside, keep_named, keep_plain, keep_secret
from orchestrator_core.settings import kept_files
from orchestrator_core.settings.environment import EnvironmentText
from orchestrator_core.settings.files import why_unusable
from orchestrator_core.settings.paths import BASE_DIRECTORY
from orchestrator_core.settings.text import BYTE_ORDER_MARK, decode

_FORM = 'must be "env:NAME" or "file:PATH"'
_PLAIN_FORM = 'must be a non-empty text; it may be "env:NAME" or "file:PATH"'


class Secret:
    """A value that is read when it is needed and never shown.

    ``repr`` and ``str`` return the reference. The value is read again each time, so that rotated
    credentials take effect without a restart.
    """

    __slots__ = ("_plain", "_source", "reference")

    def __init__(self, reference: str, *, plain: str | None = None) -> None:
        self.reference = reference
        self._plain = plain
        kind, _, name = reference.partition(":")
        self._source: str | Path = BASE_DIRECTORY.get() / name if kind == "file" else name

    def reveal(self) -> str:
        """Return the current value of the secret.

        A file's final newline and its byte-order mark are not part of the value.

        Raises:
            ValueError: when the variable is not set or the file cannot be read.
        """
        if self._plain is not None:
            return self._plain
        if isinstance(self._source, Path):
            value = _read(self._source, self.reference)
        elif not (value := os.environ.get(self._source, "").removeprefix(BYTE_ORDER_MARK)):
            # The message omits the variable's name, which may be the secret itself, typed by
            # mistake.
            raise ValueError(
                "the environment variable that it names is not set, or empty; set it where this "
                "command and the server start"
            )
        self._keep(value)
        return value

    def _keep(self, value: str) -> None:
        keep_secret(value, self.reference)

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return self.reference


class LongSecret(Secret):
    """A long text with secrets in it, such as user data, of which only these are redacted."""

    __slots__ = ()

    def _keep(self, value: str) -> None:
        keep_inside(value)


def is_kept(secret: Secret) -> bool:
    """Return whether a secret's value was read once; otherwise each use reads it again."""
    return secret._plain is not None  # noqa: SLF001 - plugins see every public name of the class


open_files: set[Path] = set()
"""Files with secrets that this process has read and that every user of the machine can read."""

secret_files: set[Path] = set()
"""All files with secrets that this process has read."""


def _read(path: Path, reference: str) -> str:
    secret_files.add(path)
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


def is_reference(value: Any) -> bool:
    """Return whether this is a text of the form ``env:NAME`` or ``file:PATH``."""
    return isinstance(value, str) and value.startswith(("env:", "file:")) and value[-1] != ":"


def _load(reference: str, *, keep: bool = False, kind: type[Secret] = Secret) -> Secret:
    secret = kind(reference)
    try:
        value = secret.reveal()
    except ValueError as error:
        raise ValidationError(str(error)) from None
    return kind(reference, plain=value) if keep else secret


class SecretField(fields.Field[Secret]):
    """A marshmallow field that loads a reference into a :class:`Secret`.

    Args:
        allow_plain: whether the value itself is accepted too. This is for values that are not
            always secret, for example a user name.
        keep: whether the value is read only once, with the settings. This is for values that every
            worker needs in order to serve: a worker that starts later must not depend on a file
            that may be unreadable by then.
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
        keep_plain(value)
        return Secret("(plain)", plain=value)


class LongTextField(fields.Field[Secret]):
    """A marshmallow field for a long text, or a reference to one, which has secrets in it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Secret:
        if is_reference(value):
            return _load(value, kind=LongSecret)
        if not isinstance(value, str) or not value:
            raise ValidationError(_PLAIN_FORM)
        keep_inside(value)
        return LongSecret("(plain)", plain=value)


class SecretMapping(fields.Field[dict[str, Any]]):
    """A table with any content, in which every reference at any depth becomes a Secret.

    Args:
        texts: a function that says whether the value of a key with this name is a text. Such a
            value stays a text when it comes from the environment, even ``true`` or ``12e10``.
            Without the function the form of the value decides, and ``true`` and ``12`` are not
            texts.

    .. versionchanged:: 0.1
        ``texts``.
    """

    def __init__(self, *, texts: Callable[[str], bool] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._texts = texts or _no_text

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        keep_named(value)
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
