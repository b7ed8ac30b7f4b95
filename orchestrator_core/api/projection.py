"""Turns a marshmallow schema into fast code with the same result as its ``dump``.

The schema stays the one place that says what an answer looks like; only the way there is
shorter: straight from the model objects to the dictionaries that are encoded. ``dump`` takes
some forty times as long as the encoding, and longer than all of the rest of a short request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from marshmallow import Schema, fields
from marshmallow.utils import ensure_text_type

Shaped = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """Where the values of an answer come from.

    Attributes:
        thing: what the expressions call the object that is shown.
        sources: an expression for each of the schema's fields, over the thing, what it
            belongs to (``of``) and the names below.
        names: what else the expressions use.
        sure: fields whose expression cannot give anything but what the field is for.
    """

    thing: str
    sources: Mapping[str, str]
    names: Mapping[str, Any] = field(default_factory=dict)
    sure: frozenset[str] = frozenset()

    def mapping(self, of: Any, thing: Any) -> Shaped:
        """Return what ``dump`` would be given."""
        names = {**self.names, "of": of, self.thing: thing}
        # Our own expressions, as they stand in the short way too.
        return {key: eval(source, names) for key, source in self.sources.items()}  # noqa: S307


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
    kinds = {key: _kind(field) for key, field in schema.dump_fields.items()}
    if set(kinds) != set(view.sources):
        raise TypeError(f"{schema!r} has other fields than its view")
    shown = {
        key: view.sources[key] if key in view.sure else _checked(kind, view.sources[key])
        for key, kind in kinds.items()
    }
    # What does not depend on the thing is asked for once for all of them.
    common = {key: value for key, value in shown.items() if view.thing not in view.sources[key]}
    display = ", ".join(
        f"{key!r}: {_COMMON + key if key in common else value}" for key, value in shown.items()
    )
    names = {**view.names, "text": ensure_text_type, "only_texts": _ONLY_TEXTS}
    code = f"""
def many(of, things):
    {"; ".join(f"{_COMMON}{key} = {value}" for key, value in common.items()) or "pass"}
    return [{{{display}}} for {view.thing} in things]
"""
    exec(code, names)  # noqa: S102 - our own schemas' names and our own expressions
    many: Callable[[Any, Any], list[Shaped]] = names["many"]
    return Projection(lambda of, thing: many(of, (thing,))[0], many)


_COMMON: Final = "common_"
_ONLY_TEXTS: Final = frozenset({str}).issuperset
_IS_TEXT: Final = "t if t.__class__ is str or t is None else text(t)"


def _checked(kind: str, value: str) -> str:
    """Return an expression for a value of this kind, made of one for what should be it."""
    if kind == "text":
        return f"(t if (t := {value}).__class__ is str or t is None else text(t))"
    if kind == "integer":
        return f"(t if (t := {value}).__class__ is int or t is None else int(t))"
    if kind == "texts":
        short = f"(v := {value}) is None or (v.__class__ is list and only_texts(map(type, v)))"
        return f"(v if {short} else [{_IS_TEXT} for t in v])"
    return value


def _kind(field: fields.Field[Any]) -> str:
    kind = type(field)
    if field.data_key is None and field.attribute is None:
        if kind is fields.String:
            return "text"
        if type(field) is fields.Integer and not field.as_string:
            return "integer"
        if kind is fields.Raw:
            return "as it is"
        if type(field) is fields.Dict and field.value_field is None and field.key_field is None:
            return "as it is"
        if type(field) is fields.List and type(field.inner) is fields.String:
            return "texts"
    raise TypeError(f"{field!r} has no short way")
