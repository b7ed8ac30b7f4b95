"""The conversion of environment variables' values to the types of a schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from marshmallow import Schema, fields

from orchestrator_core.settings.environment import EnvironmentText
from orchestrator_core.settings.paths import FileField, PathField
from orchestrator_core.settings.secrets import LongTextField, SecretField, SecretMapping
from orchestrator_core.validation.text import Text, TextMapping

_TEXTS: Final = (
    fields.String,
    fields.DateTime,
    fields.Enum,
    fields.IP,
    fields.IPInterface,
    SecretField,
    LongTextField,
    PathField,
    FileField,
)
"""Fields that load a text; ``true`` and ``12e10`` are texts for them."""

_TYPED: Final = (fields.Number, fields.Boolean, fields.List, fields.Tuple, fields.TimeDelta)
"""Fields that load values for which TOML has types."""


_TEXT: Final = Text()

_Others = Callable[[EnvironmentText], Any]


def _keep(value: EnvironmentText) -> Any:
    return value


def resolve(data: Mapping[str, Any], schema: Schema, others: _Others = _keep) -> dict[str, Any]:
    """Return a schema's data with every :class:`EnvironmentText` converted for its field.

    Args:
        data: the data of a settings file combined with the environment.
        schema: the schema that will load the data.
        others: the conversion of a value for which the schema has no field; by default it is kept.
    """
    known = {field.data_key or name: field for name, field in schema.fields.items()}
    return {
        key: _resolve(value, known[key], others) if key in known else _inside(value, others)
        for key, value in data.items()
    }


def guess(value: EnvironmentText) -> Any:
    """Return the likely value when its type is unknown."""
    return value.guess()


def _inside(value: Any, others: _Others) -> Any:
    if isinstance(value, EnvironmentText):
        return others(value)
    if isinstance(value, Mapping):
        return {key: _inside(item, others) for key, item in value.items()}
    return value


def _resolve(value: Any, field: fields.Field[Any] | None, others: _Others) -> Any:
    if isinstance(field, SecretMapping) and not isinstance(value, EnvironmentText):
        return value  # the field converts its texts itself
    if isinstance(value, EnvironmentText):
        return _of_field(value, field)
    if isinstance(value, Mapping):
        if isinstance(field, fields.Nested):
            return resolve(value, field.schema, others)
        inner: fields.Field[Any] | None = _TEXT if isinstance(field, TextMapping) else None
        if isinstance(field, fields.Dict):
            inner = field.value_field
        return {key: _resolve(item, inner, others) for key, item in value.items()}
    return value


def _of_field(value: EnvironmentText, field: fields.Field[Any] | None) -> Any:
    if isinstance(field, _TEXTS):
        return value.as_text()
    if isinstance(field, (*_TYPED, fields.Mapping, fields.Nested, SecretMapping)):
        return value.parse()
    return value.guess()
