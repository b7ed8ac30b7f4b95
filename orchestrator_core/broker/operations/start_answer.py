"""The answer to a start as it is recorded, without the values of secrets."""

from __future__ import annotations

from typing import Any

from orchestrator_core.model import CloudDescription, JsonObject, Node


def start_answer(description: CloudDescription, node: Node) -> JsonObject:
    """Return everything that an answer shows, with the names of secrets but not their values."""
    shown: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "state": node.state.value,
        "public_ips": list(node.public_ips),
        "private_ips": list(node.private_ips),
        "extra": dict(node.extra),
        "secrets": _struck_out(node.secrets),
    }
    cloud = {"provider": description.provider, "display_name": description.display_name}
    return {"cloud": cloud, "node": shown}


def _struck_out(secrets: Any) -> Any:
    """Return the same nested objects with null in place of every value."""
    if isinstance(secrets, dict):
        return {key: _struck_out(value) for key, value in secrets.items()}
    return None
