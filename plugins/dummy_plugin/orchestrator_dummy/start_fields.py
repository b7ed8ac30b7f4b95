"""The optional fields of a start: how the cloud takes them, and what it shows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, Final

from marshmallow import Schema, ValidationError, validate
from marshmallow import fields as schema_fields

from orchestrator_core import InvalidParameter, StartField, StartFields, StartRequest

NAMES: Final = tuple(field.name for field in fields(StartFields))

TAKEN: Final[Mapping[str, StartField]] = {
    **dict.fromkeys(NAMES, StartField()),
    "keyname": StartField(given_as="name"),
    "options": StartField(note="any parameter; the dummy cloud has none of its own"),
}
"""The limits of each field if the settings name no others."""

VOLUMES: Final = ("vol-1", "vol-2")
"""The ids of the volumes that exist."""

_ONLY_KEYS: Final = ("metadata", "options")
"""Fields whose values may be secret, so that only their keys are shown."""


class _StartFieldSchema(Schema):
    note = schema_fields.String()
    limit = schema_fields.Integer(strict=True, validate=validate.Range(0))
    max_bytes = schema_fields.Integer(strict=True, validate=validate.Range(0))
    given_as = schema_fields.String(validate=validate.OneOf(("id", "name")))
    parts = schema_fields.List(schema_fields.String())
    excludes = schema_fields.List(schema_fields.String(validate=validate.OneOf(NAMES)))
    required = schema_fields.Boolean(truthy={True}, falsy={False})


_RULE: Final = _StartFieldSchema()


class TakenField(schema_fields.Field[Mapping[str, StartField | str]]):
    """A setting for how the cloud takes each field of a start, or why it does not.

    The loaded value has an entry for every field.
    """

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        wrong: dict[str, Any] = {}
        taken: dict[str, StartField | str] = dict(TAKEN)
        for name, rule in value.items():
            try:
                taken[name] = _rule(name, rule)
            except ValidationError as error:
                wrong[name] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return taken


def _rule(name: str, rule: Any) -> StartField | str:
    if name not in NAMES:
        raise ValidationError(f"is no field of a start; there are {', '.join(NAMES)}")
    if isinstance(rule, str) and rule.strip():
        return rule
    if not isinstance(rule, dict):
        raise ValidationError("must be a text with the reason of a refusal, or a table of limits")
    loaded = dict(_RULE.load(rule))
    for several in ("parts", "excludes"):
        if several in loaded:
            loaded[several] = tuple(loaded[several])
    return replace(TAKEN[name], **loaded)


def given(request: StartRequest) -> dict[str, Any]:
    """Return the given fields of a start as JSON, by name."""
    values = {name: getattr(request, name) for name in NAMES}
    return {
        name: _as_json(value)
        for name, value in values.items()
        if value is not None and value not in ((), [], {})
    }


def _as_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, str | bool | Mapping):
        return value
    return [_as_json(one) for one in value]


def shown(fields_given: Mapping[str, Any]) -> str | None:
    """Return the text of what every caller may see of the given fields; None if there are none.

    Callers put passwords into user data, metadata and options. Of user data only the length is
    shown, of metadata and options only the keys.
    """
    if not fields_given:
        return None
    public = dict(fields_given)
    if "user_data" in public:
        public["user_data"] = {"bytes": len(public["user_data"].encode())}
    for name in _ONLY_KEYS:
        if name in public:
            public[name] = dict.fromkeys(public[name])
    return json.dumps(public)


def check_volumes(request: StartRequest) -> None:
    """Check that the existing volumes that a start names exist.

    Raises:
        InvalidParameter: for a volume that does not exist.
    """
    for volume in request.volumes:
        if volume.id is not None and volume.id not in VOLUMES:
            raise InvalidParameter(
                "volumes",
                f"there is no volume {volume.id!r}; there are {', '.join(VOLUMES)}",
                nothing_done=True,
            )
