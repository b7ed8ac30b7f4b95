"""Schemas of pages, and of the VMs of several clouds."""

from __future__ import annotations

from marshmallow import Schema, fields

from orchestrator_core.api.v2.schemas.fields import list_of, optional, text, yes_or_no
from orchestrator_core.api.v2.schemas.things import NodeSchema


def page_of(key: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of a list."""
    return Schema.from_dict(
        {
            key: list_of(item),
            "next": optional("The cursor of the next page; null after the last."),
        },
        name=f"{item.__name__.removesuffix('Schema')}PageSchema",
    )


class CloudAnswerSchema(Schema):
    """The part of one cloud in an answer of several."""

    name = text("The name of the cloud.")
    answered = yes_or_no("Whether its VMs are in the answer.")
    seconds = fields.Float(required=True, metadata={"description": "The time that it took."})
    error_code = optional("Why it did not answer.")
    detail = optional("Why it did not answer, in words.")


class AllNodesSchema(Schema):
    """The VMs of several clouds."""

    nodes = list_of(NodeSchema)
    complete = yes_or_no("Whether every cloud has answered.")
    clouds = list_of(CloudAnswerSchema)
