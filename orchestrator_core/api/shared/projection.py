"""Fast code made from a marshmallow schema, with the same result as the schema's ``dump``.

The schema remains the only definition of an answer. The generated code turns model objects directly
into the dictionaries that are encoded. ``dump`` takes some forty times as long as the encoding, and
longer than all the rest of a short request.

The types of the model objects' values were checked when the objects came in. A schema can therefore
be replaced by such code if its fields return a value of the right type unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields

Shaped = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """The sources of an answer's values.

    Attributes:
        thing: the name of the shown object in the expressions.
        sources: the expression for each of the schema's fields; it may use the thing, the owner
            (``of``) and the names below.
        common: the expressions without the thing, by name; each is evaluated once for a whole list.
        names: the other names that the expressions use.
    """

    thing: str
    sources: Mapping[str, str]
    common: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Projection:
    """The equivalent of ``dump`` for one object and for many, each with its owner."""

    one: Callable[[Any, Any], Shaped]
    many: Callable[[Any, Any], list[Shaped]]


def projection(schema: Schema, view: View) -> Projection:
    """Return the fast code from model objects to a schema's answers.

    Args:
        schema: a schema with plain fields only: text, numbers, lists of text, and values that are
            passed on unchanged (``Raw``, ``Dict`` without inner fields). It has no hooks, and its
            fields have no other names.
        view: the source of each field's value.

    Raises:
        TypeError: for any other schema, so that no answer silently gets a different shape.
    """
    hooks = schema._hooks  # noqa: SLF001 - there is no public way to ask for them
    if schema.many or hooks.get("pre_dump") or hooks.get("post_dump"):
        raise TypeError(f"{schema!r} has no fast path")
    for shown in schema.dump_fields.values():
        if not _is_plain(shown):
            raise TypeError(f"{shown!r} has no fast path")
    if set(schema.dump_fields) != set(view.sources):
        raise TypeError(f"{schema!r} has other fields than its view")
    common = "".join(f"    {name} = {source}\n" for name, source in view.common.items())
    display = ", ".join(f"{key!r}: {view.sources[key]}" for key in schema.dump_fields)
    names = dict(view.names)
    code = f"def many(of, things):\n{common}    return [{{{display}}} for {view.thing} in things]"
    exec(code, names)  # noqa: S102 - our own schemas' names and our own expressions
    many: Callable[[Any, Any], list[Shaped]] = names["many"]
    return Projection(lambda of, thing: many(of, (thing,))[0], many)


def _is_plain(shown: fields.Field[Any]) -> bool:
    """Return whether a field returns a value of the right type unchanged, under its own name."""
    if shown.data_key is not None or shown.attribute is not None:
        return False
    if isinstance(shown, fields.List):
        return type(shown) is fields.List and type(shown.inner) is fields.String
    if isinstance(shown, fields.Dict):
        return type(shown) is fields.Dict and not (shown.value_field or shown.key_field)
    if isinstance(shown, fields.Integer):
        return type(shown) is fields.Integer and not shown.as_string
    return type(shown) in (fields.String, fields.Raw)
