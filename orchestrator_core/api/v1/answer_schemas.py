"""The schemas of version 1's whole answers, for its description: the envelope and its keys."""

from __future__ import annotations

from functools import cache

from marshmallow import Schema, fields, validate

from orchestrator_core.api.v1 import schemas


def _text(description: str, *, always: bool = False) -> fields.String:
    return fields.String(required=always, metadata={"description": description})


class OkSchema(Schema):
    """The answer without a result."""

    status = fields.String(required=True, validate=validate.OneOf(["ok"]))


@cache  # one schema has one name in the document, for the paths that share it
def list_of(key: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of an answer with a list."""
    return OkSchema.from_dict(
        {key: fields.List(fields.Nested(item), required=True)},
        name=f"{item.__name__.removesuffix('Schema')}ListSchema",
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

    operation = _text("The id of the operation, which version 2 shows.", always=True)


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
