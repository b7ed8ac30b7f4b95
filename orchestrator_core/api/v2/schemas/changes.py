"""Schemas of the answers to changes."""

from __future__ import annotations

from marshmallow import Schema, fields

from orchestrator_core.api.v2.schemas.fields import number, one_of, text, time
from orchestrator_core.api.v2.schemas.records import OperationSchema
from orchestrator_core.api.v2.schemas.things import NodeSchema, ThingSchema
from orchestrator_core.broker.operations.start_order import WaitFor


class NodeReferenceSchema(Schema):
    """A VM that a change concerns."""

    id = text("The cloud's own id.")
    cloud = text("The name of the cloud in the settings.")


class StartedNodeSchema(NodeSchema):
    """A VM as the answer to its start shows it."""

    secrets = fields.Dict(
        metadata={"description": "Passwords and the like, which no other answer shows."}
    )


class StartedSchema(Schema):
    """The result of a start."""

    node = fields.Nested(StartedNodeSchema, required=True)
    reached = one_of(
        "With `wait_for`: how far the VM has come.",
        *(state.value for state in WaitFor),
        always=False,
    )
    operation = text("The id of the operation.", always=False)


class ActedSchema(Schema):
    """The result of an action on a VM."""

    node = fields.Nested(NodeReferenceSchema, required=True)
    pending = fields.Boolean(
        metadata={"description": "Whether the cloud still works on it; the operation goes on."}
    )
    operation = text("The id of the operation.", always=False)


class ImageMadeSchema(ActedSchema):
    """The result of making an image of a VM."""

    image = fields.Nested(ThingSchema, required=True)


class AssignedSchema(ActedSchema):
    """The result of an assign, a renewal or a release."""

    result = text("The backend's own text.")
    assignment = text("The id of the assignment.", always=False)
    generation = number("The generation of the assignment.", always=False)
    lease_expires_at = time("When the lease ends; null without a lease.", always=False)
    deletion = one_of("Of a release: whether the VM is gone.", "done", "pending", always=False)


class AcceptedSchema(Schema):
    """A change that is recorded and in progress."""

    operation = fields.Nested(OperationSchema, required=True)
