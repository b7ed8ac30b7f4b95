"""The schemas of version 1's answers, and the only definition of their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from marshmallow import Schema, fields

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


class FromCloudSchema(Schema):
    """A thing of a cloud."""

    cloud_type = fields.String()
    provider = fields.String()
    id = fields.String()
    name = fields.String()


class NodeSchema(FromCloudSchema):
    """One node."""

    uuid = fields.String()  # the SHA-1 of <id>:<provider> in hexadecimal
    state = fields.Integer()
    public_ips = fields.List(fields.String())
    private_ips = fields.List(fields.String())
    extra = fields.Dict()


class NodeOfCloudSchema(NodeSchema):
    """One node among those of several clouds."""

    cloud = fields.String()


class ImageSchema(FromCloudSchema):
    """One image."""


class SizeSchema(FromCloudSchema):
    """One size; version 1 calls it a flavor. ``ram`` in MB, ``disk`` in GB."""

    ram = fields.Raw()
    disk = fields.Raw()
    cpu = fields.Raw()


class LocationSchema(FromCloudSchema):
    """One location; ``country`` is null if the cloud does not name it."""

    country = fields.String()


class KeyPairSchema(FromCloudSchema):
    """One key pair; ``fingerprint`` is null if the cloud has none."""

    fingerprint = fields.String()


class NetworkSchema(FromCloudSchema):
    """One network or subnet; ``cidr`` and ``location`` are null if unknown."""

    cidr = fields.String()
    location = fields.String()


class FirewallSchema(FromCloudSchema):
    """One security group, firewall group or network tag."""

    description = fields.String()


class VmSchema(Schema):
    """One VM as its assignment backend lists it; ``id`` is null while the backend has no number."""

    id = fields.Raw()
    id_vm = fields.String()
    hostname = fields.String()
    user = fields.String()
    recipe = fields.String()
    recipe_id = fields.Raw()
    status = fields.Integer()
    status_desc = fields.String()
    cloud = fields.String()


class AssignmentSchema(Schema):
    """The answer to an assign or a release."""

    id = fields.Raw()
    id_vm = fields.String()
    result = fields.String()
