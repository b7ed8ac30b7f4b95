"""Turns a marshmallow schema into fast code with the same result as its ``dump``.

The schema stays the one place that says what an answer looks like; only the way there is
shorter: straight from the model objects to the dictionaries that are encoded. ``dump`` takes
some forty times as long as the encoding, and longer than all of the rest of a short request.

What the model objects hold has been held against their types where it came in. So a schema
may be followed here whose fields give a value of the right type back as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields

Shaped = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """Where the values of an answer come from.

    Attributes:
        thing: what the expressions call the object that is shown.
        sources: an expression for each of the schema's fields, over the thing, what it
            belongs to (``of``) and the names below.
        common: expressions without the thing, worked out once for a whole list, by name.
        names: what else the expressions use.
    """

    thing: str
    sources: Mapping[str, str]
    common: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Projection:
    """What ``dump`` does, for one object and for many, each with what they belong to."""

    one: Callable[[Any, Any], Shaped]
    many: Callable[[Any, Any], list[Shaped]]


def projection(schema: Schema, view: View) -> Projection:
    """Return the short way from model objects to a schema's answers.

    Args:
        schema: with plain fields only: text, numbers, lists of text, and what is passed on
            as it is (``Raw``, ``Dict`` without inner fields). No hooks, no other names.
        view: where each field's value comes from.

    Raises:
        TypeError: for anything else, so that nothing is shaped differently in silence.
    """
    hooks = schema._hooks  # noqa: SLF001 - there is no public way to ask for them
    if schema.many or hooks.get("pre_dump") or hooks.get("post_dump"):
        raise TypeError(f"{schema!r} has no short way")
    for shown in schema.dump_fields.values():
        if not _is_plain(shown):
            raise TypeError(f"{shown!r} has no short way")
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
    """Whether a field gives a value of the right type back as it is, under its own name."""
    if shown.data_key is not None or shown.attribute is not None:
        return False
    if isinstance(shown, fields.List):
        return type(shown) is fields.List and type(shown.inner) is fields.String
    if isinstance(shown, fields.Dict):
        return type(shown) is fields.Dict and not (shown.value_field or shown.key_field)
    if isinstance(shown, fields.Integer):
        return type(shown) is fields.Integer and not shown.as_string
    return type(shown) in (fields.String, fields.Raw)
