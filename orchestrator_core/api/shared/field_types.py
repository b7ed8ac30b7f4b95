"""The types in OpenAPI of the fields that marshmallow does not have."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from orchestrator_core.validation.start_fields import PublicKey, Spot
from orchestrator_core.validation.text import (
    MAX_TEXT,
    JsonObject,
    ListOf,
    LongText,
    Text,
    TextMapping,
)


def describe_our_fields(converter: Any) -> None:
    """Tell apispec's converter of fields, which it gives no type, about our own fields."""
    kinds: dict[type[Any], str] = {LongText: "string", PublicKey: "string", ListOf: "array"}
    kinds |= {JsonObject: "object", TextMapping: "object"}
    for kind, name in kinds.items():
        converter.map_to_openapi_type(kind, name, None)

    def inside(_: Any, field: fields.Field[Any], **__: Any) -> dict[str, Any]:
        if isinstance(field, ListOf):
            items = converter.field2property(field.inner)
            return {"items": items, "maxItems": field.limit}
        if isinstance(field, TextMapping):
            return {"additionalProperties": {"type": "string"}, "maxProperties": field.limit}
        if isinstance(field, Text):
            return {"minLength": 1, "maxLength": MAX_TEXT}
        if isinstance(field, Spot):
            price = {"max_price": {"type": "number", "exclusiveMinimum": 0}}
            whole = {"type": "object", "properties": price, "additionalProperties": False}
            return {"oneOf": [{"const": True}, whole]}
        return {}

    converter.add_attribute_function(inside)
