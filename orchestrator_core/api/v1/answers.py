"""The form in which version 1 shows the things of clouds and backends."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from types import MappingProxyType
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core.api.shared.projection import Shaped, View, projection
from orchestrator_core.api.v1.schemas import (
    STATES,
    AssignmentSchema,
    FromCloudSchema,
    NodeSchema,
    VmSchema,
)
from orchestrator_core.model import (
    AssignmentResult,
    CloudDescription,
    Node,
    Vm,
)


def _attributes(thing: str, *names: str) -> dict[str, str]:
    return {name: f"{thing}.{name}" for name in names}


class _Uuids(dict[str, str]):
    """Version 1's uuids by node id: the SHA-1 of ``<id>:<provider>`` in hexadecimal.

    They are remembered, since the same nodes are listed many times.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def __missing__(self, node_id: str) -> str:
        if len(self) >= _MOST_UUIDS:
            self.clear()
        # The encoder refuses an id that is not valid text.
        text = f"{node_id}:{self._provider}".encode("utf-8", "surrogatepass")
        uuid = self[node_id] = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        return uuid


_MOST_UUIDS = 2**15
_uuids_of = functools.lru_cache(maxsize=256)(_Uuids)

_COMMON = {"cloud_type": "of.display_name", "provider": "of.provider"}
_CLOUD = {name: name for name in _COMMON}
_NODE = {
    **_CLOUD,
    **_attributes("node", "id", "name", "public_ips", "private_ips", "extra"),
    "uuid": "uuids[node.id]",
    "state": "states[node.state]",
}
_NODE_COMMON = {**_COMMON, "uuids": "uuids_of(provider)"}
_NODE_NAMES = {"uuids_of": _uuids_of, "states": dict(STATES)}
_VM = [field.name for field in dataclass_fields(Vm)]


def _view_of(schema: type[Schema]) -> View:
    """Return the view of a thing whose attributes have the names of the schema's fields."""
    own = [name for name in schema().fields if name not in _CLOUD]
    return View("thing", {**_CLOUD, **_attributes("thing", *own)}, _COMMON)


VIEWS: Final[Mapping[type[Schema], View]] = MappingProxyType(
    {
        **{schema: _view_of(schema) for schema in FromCloudSchema.__subclasses__()},
        NodeSchema: View("node", _NODE, _NODE_COMMON, _NODE_NAMES),
        VmSchema: View("vm", {**_attributes("vm", *_VM), "id": "vm.id or None"}),
        AssignmentSchema: View("result", _attributes("result", "id", "id_vm", "result")),
    }
)
"""The sources of the answers' values; ``of`` is the cloud's description."""

_answers = {schema: projection(schema(), view) for schema, view in VIEWS.items()}


def shape_node(cloud: CloudDescription, node: Node, *, secrets: bool = False) -> Shaped:
    """Return one node as version 1 shows it.

    Args:
        cloud: the description of the node's cloud.
        node: the node.
        secrets: whether to show the values that only the node's creator may see.
    """
    shaped = _answers[NodeSchema].one(cloud, node)
    if secrets:
        shaped["extra"] = _merged(node.extra, node.secrets)
    return shaped


def shaper(
    schema: type[Schema],
) -> Callable[[CloudDescription, Sequence[Any]], list[Shaped]]:
    """Return the function that shapes a cloud's things as version 1 shows them."""
    return _answers[schema].many


def shape_vms(of: None, vms: Sequence[Vm]) -> list[Shaped]:
    """Return VMs as their assignment backend lists them; they have no owner."""
    return _answers[VmSchema].many(of, vms)


def shape_assignment(result: AssignmentResult) -> Shaped:
    """Return the answer to an assign or a release."""
    return _answers[AssignmentSchema].one(None, result)


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merged(below.get(key), above[key]) for key in above}}
    return above
