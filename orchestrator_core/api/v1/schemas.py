"""The schemas of version 1's answers, and the only definition of their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from marshmallow import Schema, fields, validate

from orchestrator_core.model import NodeState

STATES: Final[Mapping[NodeState, int]] = MappingProxyType(
    {
        NodeState.RUNNING: 0,
        NodeState.REBOOTING: 1,
        NodeState.TERMINATED: 2,
        NodeState.PENDING: 3,
        NodeState.UNKNOWN: 4,
        NodeState.STOPPED: 5,
        NodeState.SUSPENDED: 6,
        NodeState.ERROR: 7,
        NodeState.PAUSED: 8,
        NodeState.STARTING: 3,
        NodeState.STOPPING: 3,
        NodeState.TERMINATING: 3,
        NodeState.RECONFIGURING: 3,
        NodeState.UPDATING: 3,
        NodeState.MIGRATING: 0,
        NodeState.NORMAL: 0,
    }
)
"""Version 1's numbers for the states of a node."""


def _text(description: str) -> fields.String:
    return fields.String(required=True, metadata={"description": description})


def _optional(description: str) -> fields.String:
    return fields.String(required=True, allow_none=True, metadata={"description": description})


def _texts(description: str) -> fields.List[str]:
    about = {"description": description}
    return fields.List(fields.String(), required=True, metadata=about)


def _raw(description: str, *types: str) -> fields.Raw:
    return fields.Raw(required=True, metadata={"description": description, "type": list(types)})


class FromCloudSchema(Schema):
    """A thing of a cloud."""

    cloud_type = _text("The cloud's name for people.")
    provider = _text("The short name of the provider.")
    id = _text("The cloud's own id.")
    name = _text("The name that the cloud shows.")


class NodeSchema(FromCloudSchema):
    """One node."""

    uuid = _text("The SHA-1 of `<id>:<provider>` in hexadecimal.")
    state = fields.Integer(
        required=True,
        validate=validate.OneOf(sorted(set(STATES.values()))),
        metadata={"description": "The number of the state; 0 is running."},
    )
    public_ips = _texts("The public addresses.")
    private_ips = _texts("The private addresses.")
    extra = fields.Dict(required=True, metadata={"description": "What only this cloud tells."})


class ImageSchema(FromCloudSchema):
    """One image."""


class SizeSchema(FromCloudSchema):
    """One size; version 1 calls it a flavor."""

    ram = _raw("In MB; null if unknown.", "number", "null")
    disk = _raw("In GB; null if unknown.", "number", "null")
    cpu = _raw("The number of processors; null if unknown.", "number", "null")


class LocationSchema(FromCloudSchema):
    """One location."""

    country = _optional("The country; null if the cloud does not name it.")


class VmSchema(Schema):
    """One VM as its assignment backend lists it."""

    id = _raw("The backend's own number; null while it has none.", "integer", "string", "null")
    id_vm = _text("The cloud's id of the VM.")
    hostname = _text("The hostname.")
    user = _text("The user who holds it; empty if none.")
    recipe = _text("The application; empty if none.")
    recipe_id = _raw("The backend's number of the application.", "integer", "string", "null")
    status = fields.Integer(
        required=True,
        metadata={"description": "1 free, 2 assigned, 3 preparing, 4 releasing, 5 faulty."},
    )
    status_desc = _text("The status as a word.")
    cloud = _text("The cloud's name.")


class AssignmentSchema(Schema):
    """The answer to an assign or a release."""

    id = _raw("The backend's own number of the VM.", "integer", "string", "null")
    id_vm = _text("The cloud's id of the VM.")
    result = _text("The backend's own text.")
