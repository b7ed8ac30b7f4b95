"""The answer to a start as it is recorded, without the values of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from orchestrator_core.model import CloudDescription, JsonObject, Node, NodeState

_CARRIERS: Final = frozenset({"metadata", "tags", "labels"})
"""The keys of ``extra`` under which drivers show the metadata of a node."""


def start_answer(
    description: CloudDescription, node: Node, parameters: Mapping[str, Any]
) -> JsonObject:
    """Return everything that an answer shows, with the names of secrets but not their values.

    Args:
        description: the description of the node's cloud.
        node: the started node.
        parameters: the recorded parameters of the start. The values of its ``metadata`` are secret,
            and clouds show them in ``extra``, or as tags.
    """
    secret = frozenset(parameters.get("metadata") or ())
    extra = {
        name: _without(value, secret) if name in _CARRIERS else value
        for name, value in node.extra.items()
    }
    shown: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "state": node.state.value,
        "public_ips": list(node.public_ips),
        "private_ips": list(node.private_ips),
        "extra": extra,
        "secrets": _struck_out(node.secrets),
        "image": node.image,
        "size": node.size,
        "created_at": None if node.created_at is None else node.created_at.isoformat(),
        "tags": {key: value for key, value in node.tags.items() if key not in secret},
    }
    cloud = {"provider": description.provider, "display_name": description.display_name}
    return {"cloud": cloud, "node": shown}


def node_of(answer: Mapping[str, Any]) -> Node:
    """Return the node of a recorded answer, with null in place of its secrets."""
    shown = {**answer["node"]}
    created_at = shown.get("created_at")
    shown["created_at"] = None if created_at is None else datetime.fromisoformat(created_at)
    return Node(**{**shown, "state": NodeState(shown["state"])})


def _struck_out(secrets: Any) -> Any:
    """Return the same nested objects with null in place of every value."""
    if isinstance(secrets, dict):
        return {key: _struck_out(value) for key, value in secrets.items()}
    return None


def _without(value: Any, keys: frozenset[str]) -> Any:
    """Return the same nested value with null in place of the values of these keys.

    Google's metadata is a list of objects with ``key`` and ``value``.
    """
    if isinstance(value, list):
        return [_without(one, keys) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: None if key in keys else _without(one, keys) for key, one in value.items()}
    if value.get("key") in keys and "value" in value:
        kept["value"] = None
    return kept
