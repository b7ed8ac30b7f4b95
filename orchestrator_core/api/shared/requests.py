"""Bodies of requests: what all versions accept, and how their faults are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from orchestrator_core.broker.operations.start_order import WaitFor
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.settings.durations import parse_lease
from orchestrator_core.settings.faults import nearest
from orchestrator_core.validation.start_fields import StartFieldsSchema
from orchestrator_core.validation.text import MESSAGES, Text

S = TypeVar("S", bound=Schema)

_MOST_FAULTS: Final = 8
"""The most faults of a body that one error lists."""

_LONGEST_NAME: Final = 64
"""The characters of a field's name that an error repeats."""


class Lease(Text):
    """A lease's duration, kept as a text because extensions receive what the caller wrote."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parse_lease(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return text


class RequestSchema(Schema):
    """A body in which unknown fields are refused; a misspelt field would otherwise be lost."""

    class Meta:
        """Options that make unknown keys an error."""

        unknown = RAISE


_WAIT_FOR: Final = [state.value for state in WaitFor]
_WRONG_WAIT: Final = f"must be one of: {', '.join(_WAIT_FOR)}"


class StartRequestSchema(RequestSchema, StartFieldsSchema):
    """The start of a VM."""

    name = Text(
        required=True,
        metadata={"description": "The name of the new VM. Some clouds give another one."},
    )
    image = Text(required=True, metadata={"description": "The id of an image of the cloud."})
    size = Text(required=True, metadata={"description": "The id of a size of the cloud."})
    wait_for = fields.String(
        validate=validate.OneOf(_WAIT_FOR, error=_WRONG_WAIT),
        error_messages={**MESSAGES, "invalid": _WRONG_WAIT},
        metadata={
            "description": "When the answer is sent: `accepted` when the cloud has accepted the "
            "start (the default), `running` when the VM runs, `address` when it has an address."
        },
    )


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
        faults = list(islice(_faults(schema, error), _MOST_FAULTS))
        (field, reason), *others = faults
        raise InvalidParameter(field, reason, others=others) from None
    return loaded


def _faults(schema: Schema, error: ValidationError) -> Iterator[tuple[str, str]]:
    messages = error.messages
    for field, why in messages.items() if isinstance(messages, dict) else [("body", messages)]:
        # Cut before similar names are searched: that takes longer than linear time in the length.
        name = str(field)[:_LONGEST_NAME]
        if field in schema.fields or not isinstance(messages, dict):
            yield from _inside(name, why)
        else:
            yield name, f"is not a known field{nearest(name, schema.fields)}"


def _inside(path: str, messages: Any) -> Iterator[tuple[str, str]]:
    """Yield each fault of a field with the path of its place, such as ``networks[1]``."""
    if not isinstance(messages, dict):
        yield path, ", ".join(str(message) for message in messages)
        return
    for key, inner in messages.items():
        if key == "_schema":
            yield from _inside(path, inner)
        else:
            step = f"[{key}]" if isinstance(key, int) else f".{str(key)[:_LONGEST_NAME]}"
            yield from _inside(f"{path}{step}", inner)
