"""Turns a marshmallow schema into a fast function with the same result as its ``dump``.

The schema stays the one place that says what an answer looks like; only the way there is
shorter. For two nodes ``dump`` takes longer than all of the rest of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, fields
from marshmallow.utils import ensure_text_type

View = Mapping[str, Any]
Projection = Callable[[View], dict[str, Any]]


def projection(schema: Schema) -> Projection:
    """Return a function that does for one mapping what ``schema.dump`` does.

    Args:
        schema: with plain fields only: text, numbers, lists of text, and what is passed on
            as it is (``Raw``, ``Dict`` without inner fields). No hooks, no other names.

    Raises:
        TypeError: for anything else, so that nothing is shaped differently in silence.
    """
    hooks = schema._hooks  # noqa: SLF001 - there is no public way to ask for them
    if schema.many or hooks.get("pre_dump") or hooks.get("post_dump"):
        raise TypeError(f"{schema!r} has no short way")
    fast = _compile({key: _kind(field) for key, field in schema.dump_fields.items()})

    def project(view: View) -> dict[str, Any]:
        try:
            return fast(view)
        except KeyError:  # what is not there is left out, which the schema does itself
            shaped: dict[str, Any] = schema.dump(view)
            return shaped

    return project


def _compile(kinds: Mapping[str, str]) -> Projection:
    """Make the function out of source, as ``dataclasses`` does: one dictionary display."""
    items = ", ".join(f"{key!r}: {_SOURCES[kind].format(key=key)}" for key, kind in kinds.items())
    function: Projection = eval(  # noqa: S307 - the names of our own schemas' fields
        f"lambda view: {{{items}}}", {"text": ensure_text_type, "texts": _texts}
    )
    return function


_SOURCES = {
    "as it is": "view[{key!r}]",
    "text": "(v if (v := view[{key!r}]).__class__ is str or v is None else text(v))",
    "integer": "(v if (v := view[{key!r}]).__class__ is int or v is None else int(v))",
    "texts": "(v if (v := view[{key!r}]) is None else texts(v))",
}


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


def _texts(values: Any) -> list[str | None]:
    return [v if v.__class__ is str or v is None else ensure_text_type(v) for v in values]
