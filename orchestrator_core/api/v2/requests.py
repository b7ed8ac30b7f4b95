"""The bodies of requests that version 2 accepts."""

from __future__ import annotations

from marshmallow import RAISE, Schema

from orchestrator_core.api.v1.requests import Lease, StartRequestSchema
from orchestrator_core.validation.text import Text


class CreateNodeSchema(StartRequestSchema):
    """``POST /clouds/{cloud}/nodes``."""


class Request(Schema):
    """A body in which unknown fields are refused."""

    class Meta:
        """Options that make unknown keys an error."""

        unknown = RAISE


class NothingSchema(Request):
    """An action without parameters."""


class AssignSchema(Request):
    """``POST /assignments``."""

    cloud = Text()
    node = Text()
    hostname = Text()
    user = Text(required=True)
    application = Text(required=True)
    lease = Lease()


class RenewSchema(Request):
    """``POST /assignments/{id}/renew``."""

    lease = Lease(required=True)


class ResizeSchema(Request):
    """The action ``resize``."""

    size = Text(required=True, metadata={"description": "The new size, by id or name."})


class NameSchema(Request):
    """The actions ``rename`` and ``create_image``."""

    name = Text(required=True, metadata={"description": "The new name."})
