"""The settings reference, generated from the schemas and the defaults of the models.

``make pages`` writes it. A schema describes each key in its field's ``metadata``: ``description``
(required), ``unit`` of a number, and ``default``, ``allowed`` and ``toml_type`` where the field
itself cannot tell them.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import Schema, fields, missing, validate

from orchestrator_core.settings.paths import FileField, PathField
from orchestrator_core.settings.schema import SettingsSchema
from orchestrator_core.settings.secrets import SecretField, SecretMapping

_HEAD: Final = """\
# Settings

The settings are in one TOML file, which `--config` or the environment variable
`ORCHESTRATOR_CONFIG` names. `orchestrator init FOLDER` writes a file with the most important
keys, and `orchestrator check` finds mistakes.

- **Environment variables** override the file: `ORCHESTRATOR__SERVER__BIND=127.0.0.1:5051` sets
  `bind` in `[server]`. The value of a text key is used unchanged (`007`, `true`); the value of any
  other key is read as TOML.
- **Secrets** are named, not written: `"env:NAME"` for an environment variable, `"file:PATH"` for
  a file.
- **Paths** are relative to the folder of the settings file.
- **SIGHUP** reloads the settings. If the new ones have a fault, the old ones stay in force.

The plugins' own keys are on the plugins' pages:
[libcloud](plugin-libcloud.md), [Cistern](plugin-cistern.md) and
[dummy](../howto/misbehaving-cloud.md).

<!-- Generated from the schemas: make pages -->
"""

_COLUMNS: Final = ("key", "type", "unit", "default", "allowed values", "meaning")

_TYPES: Final[tuple[tuple[type[fields.Field[Any]], str], ...]] = (
    (fields.Boolean, "true or false"),
    (fields.Integer, "integer"),
    (fields.Float, "number"),
    (fields.String, "text"),
    (fields.List, "list of texts"),
    (fields.Dict, "table"),
    (SecretMapping, "table"),
    (FileField, "path of a file"),
    (PathField, "path"),
)

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section, with each cell of its row as Markdown."""

    name: str
    type: str
    unit: str
    default: str
    allowed: str
    description: str


def settings_page() -> str:
    """Return the reference of the core's keys as Markdown.

    Raises:
        ValueError: when a key has no description, or a number no unit.
    """
    parts = [_HEAD]
    for path, schema in sections(SettingsSchema()):
        title = f"`[{'.'.join(path)}]`" if path else "General keys"
        about = inspect.cleandoc(type(schema).__doc__ or "")
        parts.append(f"## {title}\n\n{about}\n\n{_table(keys(schema))}")
        parts.extend(
            f"## `[{'.'.join((*path, name))}]`\n\n{_about(field, name)}\n\n{_table(_listed(field))}"
            for name, field in schema.fields.items()
            if "keys" in field.metadata
        )
    return "\n".join(parts)


def plugin_tables(schema: Schema, place: tuple[str, ...]) -> str:
    """Return the tables of a plugin's own keys as Markdown, one for each section.

    Args:
        schema: the schema of the plugin's settings.
        place: the section that the schema checks, for example ``("clouds", "NAME")``.

    Raises:
        ValueError: when a key has no description, or a number no unit.
    """
    return "\n".join(
        f"In `[{'.'.join(path)}]`:\n\n{_table(keys(part))}"
        for path, part in sections(schema, place)
    )


def sections(
    schema: Schema, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield each section's path and schema, from the outermost inwards."""
    yield path, schema
    for name, field in schema.fields.items():
        if isinstance(field, fields.Nested):
            yield from sections(field.schema, (*path, name))
        elif isinstance(field, fields.Dict) and isinstance(field.value_field, fields.Nested):
            yield from sections(field.value_field.schema, (*path, name, "NAME"))


def keys(schema: Schema) -> Iterator[Key]:
    """Yield the keys of a section, without its subsections.

    Raises:
        ValueError: when a key has no description, or a number no unit.
    """
    defaults = _defaults(schema)
    for name, field in schema.fields.items():
        inner = field.value_field if isinstance(field, fields.Dict) else field
        if isinstance(inner, fields.Nested) or "keys" in field.metadata:
            continue
        yield Key(
            name,
            _type(field),
            _unit(field, name),
            _default(field, defaults.get(name, field.load_default)),
            field.metadata.get("allowed") or _allowed(field),
            _about(field, name),
        )


def _listed(field: fields.Field[Any]) -> Iterator[Key]:
    """Yield the keys of a table whose keys the metadata lists with their defaults."""
    assert isinstance(field, fields.Dict)
    inner = field.value_field
    assert inner is not None
    for name, default in field.metadata["keys"].items():
        words = _about(inner, name)
        yield Key(name, _type(inner), _unit(inner, name), _shown(default), _allowed(inner), words)


def _defaults(schema: Schema) -> Mapping[str, Any]:
    """Return the defaults of the dataclass that a section of the core becomes."""
    model = getattr(schema, "model", None)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(model) if model is not None else ():
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found


def _about(field: fields.Field[Any], name: str) -> str:
    words = str(field.metadata.get("description", ""))
    if not words.endswith("."):
        raise ValueError(f"the key {name!r} has no description that ends with a full stop")
    return words


def _unit(field: fields.Field[Any], name: str) -> str:
    unit = str(field.metadata.get("unit", ""))
    if isinstance(field, fields.Number) and not unit:
        raise ValueError(f"the number {name!r} has no unit")
    return unit


def _type(field: fields.Field[Any]) -> str:
    if "toml_type" in field.metadata:
        return str(field.metadata["toml_type"])
    if isinstance(field, SecretField):
        return "text or reference" if field.allow_plain else "reference to a secret"
    found = [words for kind, words in _TYPES if isinstance(field, kind)]
    if not found:
        raise ValueError(f'the field {field!r} has no "toml_type" in its metadata')
    return found[0]


def _default(field: fields.Field[Any], default: Any) -> str:
    if field.required:
        return "required"
    if "default" in field.metadata:
        return str(field.metadata["default"])
    value = default() if callable(default) else default
    return "none" if value is missing or value is None else _shown(value, field)


def _shown(value: Any, field: fields.Field[Any] | None = None) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`' if value else "empty"
    if isinstance(value, int | float):
        # `g` alone would write a large number with an exponent.
        return f"`{value:.0f}`{_days(value, field)}" if value == int(value) else f"`{value:g}`"
    return "empty"


def _days(value: float, field: fields.Field[Any] | None) -> str:
    is_time = field is not None and field.metadata.get("unit") == "seconds"
    days = value / _DAY
    return f" ({days:g} day{'s' if days > 1 else ''})" if is_time and value >= _DAY else ""


def _allowed(field: fields.Field[Any]) -> str:
    if isinstance(field, fields.List):
        return _allowed(field.inner)
    for check in field.validators:
        if isinstance(check, validate.OneOf):
            return ", ".join(f'`"{choice}"`' for choice in check.choices)
        if isinstance(check, validate.Range):
            return _range(check)
        if isinstance(check, validate.Length):
            return _length(check)
    return ""


def _range(check: validate.Range) -> str:
    low = "" if check.min is None else f"{check.min:g}"
    if check.max is None:
        return f"{low} or more"
    high = f"{check.max:.0f}"
    return f"{low} to {high}" if check.min_inclusive else f"more than {low}, at most {high}"


def _length(check: validate.Length) -> str:
    return "not empty" if check.max is None else f"{check.min or 0} to {check.max} characters"


def _table(rows: Iterator[Key]) -> str:
    lines = [_row(_COLUMNS), _row(("---",) * len(_COLUMNS))]
    for key in rows:
        named = dataclasses.replace(key, name=f"`{key.name}`")
        lines.append(_row(dataclasses.astuple(named)))
    return "\n".join((*lines, ""))


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
