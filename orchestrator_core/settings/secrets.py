"""Secrets by reference: ``env:NAME`` and ``file:PATH``, never the value itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

from orchestrator_core.settings.paths import BASE_DIRECTORY

_revealed: set[str] = set()

_FORM = 'must be "env:NAME" or "file:PATH"'


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
        """Return the secret as it is now; a file's final newline does not count.

        :raises ValueError: when the variable is not set or the file cannot be read.
        """
        if self._plain is not None:
            return self._plain
        if isinstance(self._source, Path):
            value = _read(self._source, self.reference)
        elif not (value := os.environ.get(self._source, "")):
            raise ValueError(f"environment variable {self._source} is not set")
        _revealed.add(value)
        return value

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return self.reference


def _read(path: Path, reference: str) -> str:
    try:
        value = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ValueError(f"{reference} cannot be read: {why}") from None
    if not value:
        raise ValueError(f"{reference} is empty")
    return value


def redact(text: str) -> str:
    """Return ``text`` with every secret that this process has read replaced by ``***``."""
    for value in _revealed:
        if value in text:
            text = text.replace(value, "***")
    return text


def is_reference(value: Any) -> bool:
    """Whether this is a text of the form ``env:NAME`` or ``file:PATH``."""
    return isinstance(value, str) and value.startswith(("env:", "file:")) and value[-1] != ":"


def _load(reference: str) -> Secret:
    secret = Secret(reference)
    try:
        secret.reveal()
    except ValueError as error:
        raise ValidationError(str(error)) from None
    return secret


class SecretField(fields.Field[Secret]):
    """A marshmallow field that loads a reference into a :class:`Secret`.

    Args:
        allow_plain: also take the value itself. For what is not always a secret,
            a user name say.
    """

    def __init__(self, *, allow_plain: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_plain = allow_plain

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Secret:
        if is_reference(value):
            return _load(value)
        if not isinstance(value, str) or not value:
            raise ValidationError(_FORM)
        if not self.allow_plain:
            raise ValidationError(f"{_FORM}, not the secret itself")
        return Secret("(plain)", plain=value)


class SecretMapping(fields.Field[dict[str, Any]]):
    """A table of anything, in which every reference, at any depth, becomes a Secret."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        return {key: _load_nested(item) for key, item in value.items()}


def _load_nested(value: Any) -> Any:
    if is_reference(value):
        return _load(value)
    if isinstance(value, dict):
        return {key: _load_nested(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_load_nested(item) for item in value]
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
