"""How version 1 shows what clouds and backends have."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final, ParamSpec, TypeVar

import orjson
from marshmallow import Schema, fields

from orchestrator_core.api.projection import projection
from orchestrator_core.errors import NonsenseAnswer
from orchestrator_core.model import (
    AssignmentResult,
    CloudDescription,
    Image,
    Location,
    Node,
    NodeState,
    Size,
    Vm,
)

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
        NodeState.RECONFIGURING: 3,
        NodeState.UPDATING: 3,
        NodeState.MIGRATING: 0,
        NodeState.NORMAL: 0,
    }
)
"""Version 1's numbers for the states of a node."""


class _FromCloud(Schema):
    cloud_type = fields.String()
    provider = fields.String()
    id = fields.String()
    name = fields.String()


class NodeSchema(_FromCloud):
    """One node."""

    uuid = fields.String()
    state = fields.Integer()
    public_ips = fields.List(fields.String())
    private_ips = fields.List(fields.String())
    extra = fields.Dict()


class NodeOfCloudSchema(NodeSchema):
    """One node among those of several clouds."""

    cloud = fields.String()


class ImageSchema(_FromCloud):
    """One image."""


class SizeSchema(_FromCloud):
    """One size; version 1 calls it a flavor. ``ram`` in MB, ``disk`` in GB."""

    ram = fields.Raw()
    disk = fields.Raw()
    cpu = fields.Raw()


class LocationSchema(_FromCloud):
    """One location; ``country`` as the cloud says it, null where it does not."""

    country = fields.String()


class VmSchema(Schema):
    """One VM as its assignment backend knows it."""

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


_node_answer = projection(NodeSchema())
_node_of_cloud_answer = projection(NodeOfCloudSchema())
_image_answer = projection(ImageSchema())
_size_answer = projection(SizeSchema())
_location_answer = projection(LocationSchema())
_vm_answer = projection(VmSchema())
_assignment_answer = projection(AssignmentSchema())


P = ParamSpec("P")
R = TypeVar("R")


def _as_promised(shape: Callable[P, R]) -> Callable[P, R]:
    """Call it nonsense when an object holds what it should not."""

    @functools.wraps(shape)
    def shaped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return shape(*args, **kwargs)
        except (TypeError, ValueError, AttributeError):
            raise NonsenseAnswer(
                "The plugin gave an answer that is not what the contract says"
            ) from None

    return shaped


def node_uuid(node_id: str, provider: str) -> str:
    """Return version 1's uuid: the SHA-1 of ``<id>:<provider>`` in hexadecimal."""
    return hashlib.sha1(f"{node_id}:{provider}".encode(), usedforsecurity=False).hexdigest()


@_as_promised
def shape_node(cloud: CloudDescription, node: Node, *, secrets: bool = False) -> dict[str, Any]:
    """Return one node as version 1 shows it.

    Args:
        cloud: what the node belongs to.
        node: the node.
        secrets: whether to show what only the node's creator may see.
    """
    return _node_answer(_node(cloud, node, secrets=secrets))


@_as_promised
def shape_nodes(cloud: CloudDescription, nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """Return nodes as version 1 shows them."""
    return [_node_answer(_node(cloud, node)) for node in nodes]


@_as_promised
def shape_nodes_of(
    name: str, cloud: CloudDescription, nodes: Sequence[Node]
) -> list[dict[str, Any]]:
    """Return nodes as version 1 shows them among those of other clouds."""
    return [_node_of_cloud_answer({**_node(cloud, node), "cloud": name}) for node in nodes]


@_as_promised
def shape_images(cloud: CloudDescription, images: Sequence[Image]) -> list[dict[str, Any]]:
    """Return images as version 1 shows them."""
    return [_image_answer(_named(cloud, image)) for image in images]


@_as_promised
def shape_sizes(cloud: CloudDescription, sizes: Sequence[Size]) -> list[dict[str, Any]]:
    """Return sizes as version 1 shows them."""
    return [
        _size_answer({**_named(cloud, s), "ram": s.ram, "disk": s.disk, "cpu": s.cpu})
        for s in sizes
    ]


@_as_promised
def shape_locations(cloud: CloudDescription, locations: Sequence[Location]) -> list[dict[str, Any]]:
    """Return locations as version 1 shows them."""
    return [
        _location_answer({**_named(cloud, place), "country": place.country}) for place in locations
    ]


@_as_promised
def shape_vms(vms: Sequence[Vm]) -> list[dict[str, Any]]:
    """Return VMs as their assignment backend knows them."""
    return [_vm_answer(asdict(vm)) for vm in vms]


@_as_promised
def shape_assignment(result: AssignmentResult) -> dict[str, Any]:
    """Return the answer to an assign or a release."""
    return _assignment_answer(asdict(result))


def _named(cloud: CloudDescription, thing: Image | Size | Location) -> dict[str, Any]:
    return {
        "cloud_type": cloud.display_name,
        "provider": cloud.provider,
        "id": thing.id,
        "name": thing.name,
    }


def _node(cloud: CloudDescription, node: Node, *, secrets: bool = False) -> dict[str, Any]:
    return {
        "cloud_type": cloud.display_name,
        "provider": cloud.provider,
        "id": node.id,
        "name": node.name,
        "uuid": node_uuid(node.id, cloud.provider),
        "state": STATES.get(node.state, STATES[NodeState.UNKNOWN]),
        "public_ips": node.public_ips,
        "private_ips": node.private_ips,
        "extra": _merged(node.extra, node.secrets) if secrets else node.extra,
    }


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merged(below.get(key), above[key]) for key in above}}
    return above


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the JSON of an answer.

    Raises:
        NonsenseAnswer: when a plugin put something into it that is not JSON.
    """
    try:
        return orjson.dumps({"status": "ok", **body})
    except TypeError:
        raise NonsenseAnswer("The cloud's plugin gave an answer that is no JSON") from None
