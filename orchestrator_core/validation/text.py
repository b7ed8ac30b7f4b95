"""Fields for texts and objects of callers, with messages that say what is right."""

from __future__ import annotations

import re
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

MAX_TEXT: Final = 1024
"""The most characters of one text field."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

MESSAGES: Final[dict[str, Any]] = {"required": "is missing", "null": "must not be null"}


def has_control(text: str) -> bool:
    """Return whether a text has control characters, or ends of lines of any kind."""
    return _CONTROL.search(text) is not None


class Text(fields.String):
    """A non-empty text on one line."""

    default_error_messages = {  # noqa: RUF012 - marshmallow merges it along the classes
        **MESSAGES,
        "invalid": "must be a string",
        "blank": "must not be empty",
        "long": f"must not be longer than {MAX_TEXT} characters",
        "control": "must not contain control characters",
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if not value.strip():
            raise self.make_error("blank")
        if len(value) > MAX_TEXT:
            raise self.make_error("long")
        if has_control(value):
            raise self.make_error("control")
        return value


class LongText(fields.Field[str]):
    """A non-empty text of any number of lines.

    Args:
        max_bytes: the most bytes in UTF-8.
    """

    default_error_messages = {  # noqa: RUF012
        **MESSAGES,
        "invalid": "must be a string",
        "blank": "must not be empty",
        "nul": "must not contain the character NUL",
    }

    def __init__(self, max_bytes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_bytes = max_bytes

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if not value:
            raise self.make_error("blank")
        if "\0" in value:
            raise self.make_error("nul")
        if len(value.encode()) > self.max_bytes:
            raise ValidationError(f"must not be longer than {self.max_bytes} bytes in UTF-8")
        return value


class JsonObject(fields.Field[dict[str, Any]]):
    """A JSON object with any content."""

    default_error_messages = {**MESSAGES, "invalid": "must be an object"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        return value


class ListOf(fields.Field[list[Any]]):
    """A list of at most ``limit`` entries, none of them twice.

    Args:
        inner: the field of one entry.
        limit: the most entries.
    """

    default_error_messages = {**MESSAGES, "invalid": "must be a list"}  # noqa: RUF012

    def __init__(self, inner: fields.Field[Any], limit: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner
        self.limit = limit

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if len(value) > self.limit:
            raise ValidationError(f"must have at most {self.limit} entries")
        loaded: list[Any] = []
        wrong: dict[Any, Any] = {}
        for at, item in enumerate(value):
            try:
                loaded.append(self._entry(item, loaded))
            except ValidationError as error:
                wrong[at] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return loaded

    def _entry(self, item: Any, before: list[Any]) -> Any:
        entry = self.inner.deserialize(item)
        if isinstance(entry, str) and entry in before:
            raise ValidationError(f"{entry!r} is given twice")
        return entry


class TextMapping(fields.Field[dict[str, str]]):
    """An object whose keys and values are texts.

    Args:
        limit: the most entries.
        max_key: the most characters of a key.
    """

    default_error_messages = {**MESSAGES, "invalid": "must be an object"}  # noqa: RUF012

    def __init__(self, limit: int, max_key: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self.max_key = max_key

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        if len(value) > self.limit:
            raise ValidationError(f"must have at most {self.limit} entries")
        for key, item in value.items():
            self._check(key, item)
        return value

    def _check(self, key: str, item: Any) -> None:
        if not key.strip():
            raise ValidationError("a key must not be empty")
        if len(key) > self.max_key:
            raise ValidationError(
                f"the key {key[:32]!r}... must not be longer than {self.max_key} characters"
            )
        if has_control(key):
            raise ValidationError(f"the key {key!r} must not contain control characters")
        if not isinstance(item, str):
            raise ValidationError(f"the value of {key!r} must be a string")
        if len(item) > MAX_TEXT:
            raise ValidationError(
                f"the value of {key!r} must not be longer than {MAX_TEXT} characters"
            )
        if has_control(item):
            raise ValidationError(f"the value of {key!r} must not contain control characters")


def whole_number(low: int, high: int, unit: str, description: str) -> fields.Integer:
    """Return a field for a whole number of a unit."""
    wanted = f"must be a whole number of {unit} from {low} to {high}"
    return fields.Integer(
        strict=True,
        validate=validate.Range(low, high, error=wanted),
        error_messages={**MESSAGES, "invalid": wanted},
        metadata={"description": description, "unit": unit},
    )


class YesOrNo(fields.Boolean):
    """``true`` or ``false``, and not ``1`` or ``0``, which Python takes for them."""

    default_error_messages = {**MESSAGES, "invalid": "must be true or false"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value
