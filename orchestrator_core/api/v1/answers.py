"""How version 1 shows what clouds and backends have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson
from marshmallow import Schema, fields

from orchestrator_core.errors import NonsenseAnswer
from orchestrator_core.model import CloudDescription, Image, Node, NodeState, Size

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


class ImageSchema(_FromCloud):
    """One image."""


class SizeSchema(_FromCloud):
    """One size; version 1 calls it a flavor. ``ram`` in MB, ``disk`` in GB."""

    ram = fields.Raw()
    disk = fields.Raw()
    cpu = fields.Raw()


class LocationSchema(_FromCloud):
    """One location."""

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


_NODE, _IMAGE, _SIZE, _LOCATION = NodeSchema(), ImageSchema(), SizeSchema(), LocationSchema()


def node_uuid(node_id: str, provider: str) -> str:
    """Return version 1's uuid: the SHA-1 of ``<id>:<provider>`` in hexadecimal."""
    return hashlib.sha1(f"{node_id}:{provider}".encode(), usedforsecurity=False).hexdigest()


def shape_node(cloud: CloudDescription, node: Node, *, secrets: bool = False) -> dict[str, Any]:
    """Return one node as version 1 shows it.

    Args:
        cloud: what the node belongs to.
        node: the node.
        secrets: whether to show what only the node's creator may see.
    """
    shaped: dict[str, Any] = _NODE.dump(_node(cloud, node, secrets=secrets))
    return shaped


def shape_nodes(cloud: CloudDescription, nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """Return nodes as version 1 shows them."""
    shaped: list[dict[str, Any]] = _NODE.dump([_node(cloud, node) for node in nodes], many=True)
    return shaped


def shape_images(cloud: CloudDescription, images: Sequence[Image]) -> list[dict[str, Any]]:
    """Return images as version 1 shows them."""
    shaped: list[dict[str, Any]] = _IMAGE.dump([_named(cloud, i) for i in images], many=True)
    return shaped


def shape_sizes(cloud: CloudDescription, sizes: Sequence[Size]) -> list[dict[str, Any]]:
    """Return sizes as version 1 shows them."""
    views = [
        {**_named(cloud, size), "ram": size.ram, "disk": size.disk, "cpu": size.cpu}
        for size in sizes
    ]
    shaped: list[dict[str, Any]] = _SIZE.dump(views, many=True)
    return shaped


def _named(cloud: CloudDescription, thing: Node | Image | Size) -> dict[str, Any]:
    return {
        "cloud_type": cloud.display_name,
        "provider": cloud.provider,
        "id": thing.id,
        "name": thing.name,
    }


def _node(cloud: CloudDescription, node: Node, *, secrets: bool = False) -> dict[str, Any]:
    return {
        **_named(cloud, node),
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
