"""The schemas of version 1's whole answers, for its description: the envelope and its keys."""

from __future__ import annotations

from functools import cache
from typing import Any

from marshmallow import Schema, fields, validate

from orchestrator_core.api.v1 import schemas


def _ok(*others: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(["ok", *others]))


def _text(description: str, *, always: bool = False) -> fields.String:
    return fields.String(required=always, metadata={"description": description})


def _objects(description: str) -> fields.List[Any]:
    return fields.List(fields.Dict(), required=True, metadata={"description": description})


class OkSchema(Schema):
    """The answer without a result."""

    status = _ok()


class _PartSchema(OkSchema):
    next_marker = fields.String(
        allow_none=True,
        metadata={"description": "In an answer with a part: the next `marker`; null at the end."},
    )


@cache  # one schema has one name in the document, for the paths that share it
def list_of(key: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of an answer with a list."""
    return _PartSchema.from_dict(
        {key: fields.List(fields.Nested(item), required=True)},
        name=f"{item.__name__.removesuffix('Schema')}ListSchema",
    )


class NodesSchema(_PartSchema):
    """The nodes of one cloud; with ``clouds``, those of several."""

    status = _ok("partial")
    nodes = fields.List(fields.Nested(schemas.NodeOfCloudSchema), required=True)
    complete = fields.Boolean(
        metadata={"description": "With `clouds`: whether every cloud has answered."}
    )
    clouds = fields.List(
        fields.Dict(), metadata={"description": "With `clouds`: the report of each cloud."}
    )


class OneNodeSchema(OkSchema):
    """One node, as an object under ``nodes``."""

    nodes = fields.Nested(schemas.NodeSchema, required=True)


class StartedSchema(OneNodeSchema):
    """The result of a start."""

    reached = _text("With `wait_for`: the state that the VM has reached.")


class ResultSchema(OkSchema):
    """The result of a stop or of an action."""

    result = _text("For example `Node 1 deleted`.", always=True)
    operation = _text("The operation, if the cloud still works on the change.")


class ImageMadeSchema(OkSchema):
    """The image that was made of a VM."""

    image = fields.Nested(schemas.ImageSchema, required=True)


class ConsoleSchema(OkSchema):
    """The text that a VM has written to its console."""

    output = _text("The end of the text, without known secrets.", always=True)


class AssignedSchema(OkSchema, schemas.AssignmentSchema):
    """The result of an assign, a renewal or a release."""

    assignment = _text("The id of the assignment, on a server with `[state]`.")
    generation = fields.Integer(
        metadata={"description": "The number of holders that the VM has had, with this one."}
    )
    lease_expires_at = fields.DateTime(
        allow_none=True, metadata={"description": "The end of the lease."}
    )
    deletion = fields.String(
        validate=validate.OneOf(["done", "pending"]),
        metadata={"description": "Of a release: whether the VM is gone."},
    )
    operation = _text("Of a release: the id of the operation that destroys the VM.")


class AcceptedSchema(OkSchema):
    """A change that is recorded and in progress."""

    operation = fields.Dict(required=True, metadata={"description": "The operation."})


class ServedCloudSchema(Schema):
    """One configured cloud; a cloud that cannot be used has no type."""

    name = _text("The name in the settings.", always=True)
    type = fields.String(required=True, allow_none=True)
    host = fields.String(required=True, allow_none=True)


class ServedCloudsSchema(OkSchema):
    """The configured clouds."""

    served_cloud = fields.List(fields.Nested(ServedCloudSchema), required=True)


class CloudReportSchema(OkSchema):
    """The report of one cloud."""

    cloud = fields.Dict(
        required=True, metadata={"description": "Its operations, its start fields, its health."}
    )


class OperationsSchema(_PartSchema):
    """Operations, the newest first."""

    operations = _objects("Each operation.")


class OneOperationSchema(AcceptedSchema):
    """One operation, with its history."""


class AssignmentsSchema(_PartSchema):
    """Assignments, the newest first."""

    assignments = _objects("Each assignment.")


class OneAssignmentSchema(OkSchema):
    """One assignment, with its history."""

    assignment = fields.Dict(required=True, metadata={"description": "The assignment."})


class OrphansSchema(OkSchema):
    """The orphans, and the last scan of each cloud."""

    orphans = _objects("Each orphan.")
    scans = _objects("The result of the last scan of each cloud.")


class PluginsSchema(OkSchema):
    """The plugins found."""

    plugins = _objects("Each plugin.")


class ProcessesSchema(OkSchema):
    """The processes that work on the database."""

    processes = _objects("Each process.")
    destroying_held = fields.String(required=True, allow_none=True)
    clock_in_doubt = fields.String(required=True, allow_none=True)


class ErrorSchema(Schema):
    """An error."""

    message = _text("What went wrong, for people.", always=True)
    status = fields.String(required=True, validate=validate.OneOf(["error"]))
    status_code = fields.Integer(required=True)
    status_long_message = _text("The long phrase of the status.", always=True)
    status_short_message = _text("The short phrase of the status.", always=True)
    error_code = _text("The code for programs; absent for an unknown cloud.")
    field = _text("Of `invalid_parameter`: the name of the parameter.")
    node = _text("The cloud's id of the VM that the error concerns.")
    operation = _text("The operation that ended with the error, or that continues despite it.")
    clouds = fields.List(
        fields.Dict(), metadata={"description": "Of `no_cloud_answered`: the report of each."}
    )
