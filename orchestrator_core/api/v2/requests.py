"""The bodies of requests that version 2 accepts."""

from __future__ import annotations

from orchestrator_core.api.shared.requests import Lease, RequestSchema, StartRequestSchema
from orchestrator_core.validation.text import Text


class CreateNodeSchema(StartRequestSchema):
    """``POST /clouds/{cloud}/nodes``."""


class NothingSchema(RequestSchema):
    """An action without parameters."""


class AssignSchema(RequestSchema):
    """``POST /assignments``."""

    cloud = Text()
    node = Text()
    hostname = Text()
    user = Text(required=True)
    application = Text(required=True)
    lease = Lease()


class RenewSchema(RequestSchema):
    """``POST /assignments/{id}/renew``."""

    lease = Lease(required=True)


class ResizeSchema(RequestSchema):
    """The action ``resize``."""

    size = Text(required=True, metadata={"description": "The new size, by id or name."})


class NameSchema(RequestSchema):
    """The actions ``rename`` and ``create_image``."""

    name = Text(required=True, metadata={"description": "The new name."})
