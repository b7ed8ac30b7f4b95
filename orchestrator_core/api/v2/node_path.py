"""The parts of a path to a node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodePath:
    """The last part of a path below ``/nodes/``.

    The id of a node may contain slashes, which arrive as such even if they were escaped.

    Attributes:
        node_id: the id of the node.
        action: the action after ``/actions/``; None without one.
    """

    node_id: str
    action: str | None = None

    @classmethod
    def of(cls, path: str) -> NodePath:
        """Return the parts of a path."""
        node_id, found, action = path.rpartition("/actions/")
        if not found or "/" in action:
            return cls(path)
        return cls(node_id, action)
