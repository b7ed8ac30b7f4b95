"""The bodies of requests that version 1 accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from orchestrator_core.errors import InvalidParameter
from orchestrator_core.settings.durations import parse_lease
from orchestrator_core.settings.faults import nearest

S = TypeVar("S", bound=Schema)

MAX_TEXT: Final = 1024
"""The most characters of one text field."""

_MOST_FAULTS: Final = 8
"""The most faults of a body that one error lists."""

_LONGEST_NAME: Final = 64
"""The characters of a field's name that an error repeats."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_MESSAGES = {"required": "is missing", "null": "must not be null"}


class Text(fields.String):
    """A non-empty text on one line."""

    default_error_messages = {  # noqa: RUF012 - marshmallow merges it along the classes
        **_MESSAGES,
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
        if _CONTROL.search(value):
            raise self.make_error("control")
        return value


class Lease(Text):
    """A lease's duration, kept as a text because extensions receive what the caller wrote."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parse_lease(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return text


class JsonObject(fields.Field[dict[str, Any]]):
    """A JSON object with any content."""

    default_error_messages = {**_MESSAGES, "invalid": "must be an object"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        return value


class _Request(Schema):
    """A body in which unknown fields are refused; a misspelt field would otherwise be lost."""

    class Meta:
        """Options that make unknown keys an error."""

        unknown = RAISE


class StartRequestSchema(_Request):
    """``POST /vm/start``."""

    name = Text(required=True)
    image = Text(required=True)
    size = Text(required=True)
    keyname = Text()
    metadata = JsonObject()


class _OneVm(_Request):
    node = Text()
    hostname = Text()

    @validates_schema(skip_on_field_errors=True)
    def _one_of_both(self, data: Mapping[str, Any], **_: Any) -> None:
        if "node" not in data and "hostname" not in data:
            raise ValidationError("is missing, and so is hostname; give one of them", "node")


class WhichVmSchema(_OneVm):
    """``PUT /vm/stop`` and the other changes of one VM."""


WHICH_VM: Final = WhichVmSchema()


class _Emulated(_OneVm):
    emulate = fields.Boolean(
        load_default=False,
        error_messages={"invalid": "must be true or false", "null": "must not be null"},
    )


class AssignRequestSchema(_Emulated):
    """``PUT /vm/action/assign``."""

    user = Text(required=True)
    vm_type = Text(required=True)
    lease = Lease()


_MOST_GENERATIONS: Final = 2**31 - 1
"""The greatest number that fits the database's column."""


def _generation() -> fields.Integer:
    """Return a field for a generation, as the answer to an assign contains it."""
    wanted = f"must be a whole number from 1 to {_MOST_GENERATIONS}"
    return fields.Integer(
        strict=True,
        validate=validate.Range(1, _MOST_GENERATIONS, error=wanted),
        error_messages={"invalid": wanted, "null": "must not be null"},
    )


class ReleaseRequestSchema(_Emulated):
    """``PUT /vm/action/release``."""

    generation = _generation()


class RenewRequestSchema(_OneVm):
    """``PUT /vm/action/renew``."""

    lease = Lease(required=True)
    generation = _generation()


def lease_seconds(text: object) -> float | None:
    """Return the seconds of a lease, or None without one.

    The text is checked again, because an extension may have changed it.

    Raises:
        InvalidParameter: when the text is not a lease.
    """
    if text is None:
        return None
    try:
        return parse_lease(str(text))
    except ValueError as error:
        raise InvalidParameter("lease", str(error)) from None


def load(schema: Schema, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body's values after checking them.

    Raises:
        InvalidParameter: with the first 8 faults in its message and the first fault's field.
    """
    known = {name: value for name, value in body.items() if name in schema.fields}
    unknown = islice((name for name in body if name not in schema.fields), _MOST_FAULTS)
    try:
        # A body may have thousands of unknown fields; an error names only the first few.
        loaded: dict[str, Any] = schema.load({**known, **dict.fromkeys(unknown)})
    except ValidationError as error:
        faults = [(field, _words(schema, field, m)) for field, m in _items(error)]
        field, reason = faults[0]
        rest = "".join(f"; {other}: {why}" for other, why in faults[1:])
        raise InvalidParameter(field, f"{reason}{rest}") from None
    return loaded


def _items(error: ValidationError) -> list[tuple[str, Any]]:
    messages = error.messages
    found = messages.items() if isinstance(messages, dict) else [("body", messages)]
    # Cut before similar names are searched: that takes longer than linear time in the length.
    return [(str(field)[:_LONGEST_NAME], why) for field, why in islice(found, _MOST_FAULTS)]


def _words(schema: Schema, field: str, messages: Any) -> str:
    if field not in schema.fields:
        return f"is not a known field{nearest(field, schema.fields)}"
    return ", ".join(str(message) for message in messages)
