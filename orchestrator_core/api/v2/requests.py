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
