"""The bodies of requests that version 2 accepts."""

from __future__ import annotations

from typing import Final

from orchestrator_core.api.shared.requests import Lease, RequestSchema, StartRequestSchema
from orchestrator_core.validation.text import Text

_LEASE: Final = (
    "The time from now until the VM is released, such as `90s`, `30m`, `8h`, `7d` "
    "or `1h30m`; from 1 s to 365 d."
)


class CreateNodeSchema(StartRequestSchema):
    """``POST /clouds/{cloud}/nodes``."""


class NothingSchema(RequestSchema):
    """An action without parameters."""


class AssignSchema(RequestSchema):
    """``POST /assignments``."""

    cloud = Text(metadata={"description": "The name of the cloud; without it the default cloud."})
    node = Text(metadata={"description": "The cloud's id of the VM. Give it or `hostname`."})
    hostname = Text(metadata={"description": "The name of the VM, if you do not know its id."})
    user = Text(required=True, metadata={"description": "The user who gets the VM."})
    application = Text(
        required=True, metadata={"description": "The application for which the user needs it."}
    )
    lease = Lease(metadata={"description": f"{_LEASE} Without it, the assignment has no end."})


class RenewSchema(RequestSchema):
    """``POST /assignments/{id}/renew``."""

    lease = Lease(required=True, metadata={"description": _LEASE})


class ResizeSchema(RequestSchema):
    """The action ``resize``."""

    size = Text(required=True, metadata={"description": "The new size, by id or name."})


class NameSchema(RequestSchema):
    """The actions ``rename`` and ``create_image``."""

    name = Text(required=True, metadata={"description": "The new name."})
