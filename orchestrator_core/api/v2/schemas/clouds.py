"""Schemas of the configured clouds: their offers and their health."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from orchestrator_core.api.v2.schemas.fields import (
    list_of,
    number,
    one_of,
    optional,
    text,
    time,
    yes_or_no,
)
from orchestrator_core.api.v2.words import KINDS_OF_WORDS
from orchestrator_core.clouds.breaker import Circuit


def _by_name(item: type[Schema], description: str) -> fields.Dict:
    """Return an object whose keys are names."""
    about = {"description": description}
    keys, values = fields.String(), fields.Nested(item)
    return fields.Dict(keys=keys, values=values, required=True, metadata=about)


def _limit(description: str) -> fields.Integer:
    """Return a number that is null without a limit, and absent for what is not taken."""
    return fields.Integer(allow_none=True, metadata={"description": description})


class CloudSchema(Schema):
    """A configured cloud."""

    name = text("The name in the settings.")
    is_default = yes_or_no("Whether it serves without a name.")
    display_name = optional("The name for people.")
    provider = optional("The short name of the provider.")
    host = optional("The host of its API.")
    available = yes_or_no("Whether its plugin can be used.")
    detail = optional("Why it cannot.")


class CloudsSchema(Schema):
    """The configured clouds."""

    clouds = list_of(CloudSchema)


class OfferSchema(Schema):
    """An operation or a field of a start: taken by the cloud, or not."""

    supported = yes_or_no("Whether it is taken.")
    reason = optional("Why it is not; null if it is.")


class StartFieldSchema(OfferSchema):
    """A field of a start with the cloud's limits, which are absent if the field is not taken."""

    note = optional("A remark, such as `through user data`.", always=False)
    required = fields.Boolean(
        metadata={
            "description": "Whether neither the cloud nor its settings start a VM without it."
        }
    )
    limit = _limit("The most entries of a list or an object; null without a limit.")
    max_bytes = _limit("The most bytes in UTF-8, of all entries together; null without a limit.")
    parts = fields.List(
        fields.String(),
        allow_none=True,
        metadata={"description": "The keys of an object that are taken; null for all."},
    )
    excludes = fields.List(
        fields.String(),
        metadata={"description": "The fields that cannot be given together with this one."},
    )
    given_as = fields.List(
        fields.String(validate=validate.OneOf(["id", "name"])),
        metadata={"description": "Of a field that names things: by what it may name them."},
    )


class CircuitSchema(Schema):
    """The circuit breaker of a cloud."""

    state = one_of(
        "`closed` admits calls, `open` refuses them, `half_open` admits one.",
        *(state.value for state in Circuit),
    )
    failures = number("The failures in a row.")
    retry_after = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "The seconds until a call is admitted; null if calls are."},
    )


class ThreadsSchema(Schema):
    """The threads that call a cloud."""

    limit = number("The most threads.")
    running = number("The calls that run.")
    overdue = number("The running calls for which no caller waits.")
    lost = number("The threads that did not return and were replaced.")


class QueueSchema(Schema):
    """The calls of a cloud that wait for a thread."""

    limit = number("The most calls that may wait.")
    waiting = number("The calls that wait.")


class LastCallSchema(Schema):
    """The last call of a cloud with a certain outcome."""

    operation = text("The operation, such as `list_nodes`.")
    at = time("When the call ended.")


class LastErrorSchema(LastCallSchema):
    """The last failed call of a cloud."""

    error_code = text("The code of its error.")
    detail = text("The message of its error.")


class CloudReportSchema(Schema):
    """The offer of a cloud, and its health as this process sees it."""

    name = text("The name in the settings.")
    driver = text("The plugin.")
    destroy = one_of("The VMs that may be destroyed.", "own", "all")
    display_name = optional("The name for people.")
    provider = optional("The short name of the provider.")
    host = optional("The host of its API.")
    available = yes_or_no("Whether its plugin can be used.")
    detail = optional("Why the plugin cannot be used; null if it can.")
    operations = _by_name(OfferSchema, f"Each operation: supported, or why not. {KINDS_OF_WORDS}")
    start_fields = _by_name(StartFieldSchema, "Each field of a start, with its limits.")
    circuit = fields.Nested(CircuitSchema, required=True)
    threads = fields.Nested(ThreadsSchema, required=True)
    queue = fields.Nested(QueueSchema, required=True)
    last_success = fields.Nested(LastCallSchema, required=True, allow_none=True)
    last_error = fields.Nested(LastErrorSchema, required=True, allow_none=True)
    scope = one_of("`process`: each process has its own health.", "process")
    pid = number("The process that answered.")
