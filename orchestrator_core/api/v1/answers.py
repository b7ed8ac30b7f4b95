"""How version 1 shows what clouds and backends have."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from types import MappingProxyType
from typing import Any, Final, ParamSpec, TypeVar

from marshmallow import Schema

from orchestrator_core.api.projection import Shaped, View, projection
from orchestrator_core.api.v1.schemas import (
    STATES,
    AssignmentSchema,
    ImageSchema,
    LocationSchema,
    NodeOfCloudSchema,
    NodeSchema,
    SizeSchema,
    VmSchema,
)
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


def _attributes(thing: str, *names: str) -> dict[str, str]:
    return {name: f"{thing}.{name}" for name in names}


_CLOUD = {"cloud_type": "of.display_name", "provider": "of.provider"}
_NODE = {
    **_CLOUD,
    **_attributes("node", "id", "name", "public_ips", "private_ips", "extra"),
    "uuid": "sha1(f'{node.id}:{of.provider}'.encode(), usedforsecurity=False).hexdigest()",
    "state": "states.get(node.state, unknown)",
}
_NODE_NAMES = {
    "sha1": hashlib.sha1,
    "states": dict(STATES),
    "unknown": STATES[NodeState.UNKNOWN],
}
_NODE_SURE = frozenset({"uuid", "state"})
_SIZE = ("id", "name", "ram", "disk", "cpu")
_VM = [field.name for field in dataclass_fields(Vm)]

VIEWS: Final[Mapping[type[Schema], View]] = MappingProxyType(
    {
        NodeSchema: View("node", _NODE, _NODE_NAMES, _NODE_SURE),
        NodeOfCloudSchema: View("node", {**_NODE, "cloud": "of.name"}, _NODE_NAMES, _NODE_SURE),
        ImageSchema: View("image", {**_CLOUD, **_attributes("image", "id", "name")}),
        SizeSchema: View("size", {**_CLOUD, **_attributes("size", *_SIZE)}),
        LocationSchema: View("place", {**_CLOUD, **_attributes("place", "id", "name", "country")}),
        VmSchema: View("vm", _attributes("vm", *_VM)),
        AssignmentSchema: View("result", _attributes("result", "id", "id_vm", "result")),
    }
)
"""Where the answers' values come from; ``of`` is the cloud's description."""

_answers = {schema: projection(schema(), view) for schema, view in VIEWS.items()}


P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class NamedCloud:
    """A cloud among several.

    Attributes:
        name: its name in the settings.
    """

    name: str
    display_name: str
    provider: str


@_as_promised
def shape_node(cloud: CloudDescription, node: Node, *, secrets: bool = False) -> Shaped:
    """Return one node as version 1 shows it.

    Args:
        cloud: what the node belongs to.
        node: the node.
        secrets: whether to show what only the node's creator may see.
    """
    shaped = _answers[NodeSchema].one(cloud, node)
    if secrets:
        shaped["extra"] = _merged(node.extra, node.secrets)
    return shaped


@_as_promised
def shape_nodes(cloud: CloudDescription, nodes: Sequence[Node]) -> list[Shaped]:
    """Return nodes as version 1 shows them."""
    return _answers[NodeSchema].many(cloud, nodes)


@_as_promised
def shape_nodes_of(cloud: NamedCloud, nodes: Sequence[Node]) -> list[Shaped]:
    """Return nodes as version 1 shows them among those of other clouds."""
    return _answers[NodeOfCloudSchema].many(cloud, nodes)


@_as_promised
def shape_images(cloud: CloudDescription, images: Sequence[Image]) -> list[Shaped]:
    """Return images as version 1 shows them."""
    return _answers[ImageSchema].many(cloud, images)


@_as_promised
def shape_sizes(cloud: CloudDescription, sizes: Sequence[Size]) -> list[Shaped]:
    """Return sizes as version 1 shows them."""
    return _answers[SizeSchema].many(cloud, sizes)


@_as_promised
def shape_locations(cloud: CloudDescription, locations: Sequence[Location]) -> list[Shaped]:
    """Return locations as version 1 shows them."""
    return _answers[LocationSchema].many(cloud, locations)


@_as_promised
def shape_vms(vms: Sequence[Vm]) -> list[Shaped]:
    """Return VMs as their assignment backend knows them."""
    return _answers[VmSchema].many(None, vms)


@_as_promised
def shape_assignment(result: AssignmentResult) -> Shaped:
    """Return the answer to an assign or a release."""
    return _answers[AssignmentSchema].one(None, result)


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merged(below.get(key), above[key]) for key in above}}
    return above
