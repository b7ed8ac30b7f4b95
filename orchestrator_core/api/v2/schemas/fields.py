"""Fields of answers, each with its description."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


def text(description: str, *, always: bool = True) -> fields.String:
    """Return a text; ``always`` says whether every answer has it."""
    return fields.String(required=always, metadata={"description": description})


def optional(description: str, *, always: bool = True) -> fields.String:
    """Return a text that may be null."""
    about = {"description": description}
    return fields.String(required=always, allow_none=True, metadata=about)


def texts(description: str) -> fields.List[str]:
    """Return a list of texts."""
    about = {"description": description}
    return fields.List(fields.String(), required=True, metadata=about)


def any_object(description: str) -> fields.Dict:
    """Return an object of any keys."""
    return fields.Dict(required=True, metadata={"description": description})


def yes_or_no(description: str) -> fields.Boolean:
    """Return true or false."""
    return fields.Boolean(required=True, metadata={"description": description})


def list_of(item: type[Schema]) -> fields.List[dict[str, object]]:
    """Return a list of objects."""
    return fields.List(fields.Nested(item), required=True)


def amount(description: str) -> fields.Raw:
    """Return a number that may be null."""
    about = {"description": description, "type": ["number", "null"]}
    return fields.Raw(required=True, metadata=about)


def time(description: str, *, always: bool = True) -> fields.DateTime:
    """Return a time that may be null."""
    about = {"description": description}
    return fields.DateTime(required=always, allow_none=True, metadata=about)


def number(description: str, *, always: bool = True) -> fields.Integer:
    """Return a whole number."""
    return fields.Integer(required=always, metadata={"description": description})


def one_of(description: str, *options: str, always: bool = True) -> fields.String:
    """Return one of several texts."""
    about = {"description": description}
    return fields.String(required=always, validate=validate.OneOf(options), metadata=about)


def one_of_or_none(description: str, *options: str) -> fields.String:
    """Return one of several texts, or null."""
    about = {"description": description}
    choice = validate.OneOf([*options, None])
    return fields.String(required=True, allow_none=True, validate=choice, metadata=about)
