"""The base class of version 2's routes that work on one cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from orchestrator_core.api.resource import Request
from orchestrator_core.api.v1.base import CloudResource as SharedCloudResource
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.errors import InvalidParameter

T = TypeVar("T")


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


class CloudResource(SharedCloudResource):
    """A resource of one cloud."""


def as_query_fault(error: InvalidParameter) -> InvalidQuery:
    """Return a fault of a parameter of the query that was found below the API."""
    return InvalidQuery(error.field, error.reason, others=error.others)


__all__ = ["CloudResource", "NodePath", "Request", "as_query_fault"]
