"""Rules about a node's state: the nodes that a name can mean, and those that can be assigned."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator_core.errors import InvalidParameter, NodeNotFound, NodeTerminated
from orchestrator_core.model import Node, NodeState
from orchestrator_core.refusals import NotUsable


def is_living(node: Node) -> bool:
    """Return whether a node still exists; clouds may list nodes that do not.

    EC2, for example, shows terminated instances for about an hour.

    Source: AWS, "Terminate Amazon EC2 instances".
    """
    return node.state is not NodeState.TERMINATED


def check_living(node: Node) -> None:
    """Check that a node still exists.

    Raises:
        NodeTerminated: when the node is terminated.
    """
    if not is_living(node):
        raise NodeTerminated(f"Node {node.id} ({node.name}) is terminated", (node.id,))


def choose_living(named: Iterable[Node], name: str) -> Node:
    """Return the one living node among the nodes with a name.

    A node that is being deleted is chosen only if no other living node has the name.

    Raises:
        NodeNotFound: when there is no node.
        NodeTerminated: when all the nodes are terminated; the error names them.
        InvalidParameter: when several nodes are living; the error names them.
    """
    found = list(named)
    living = [node for node in found if is_living(node)]
    steady = [node for node in living if node.state is not NodeState.TERMINATING]
    meant = steady or living
    if len(meant) == 1:
        return meant[0]
    if meant:
        ids = ", ".join(sorted(node.id for node in meant))
        raise InvalidParameter("hostname", f"{name!r} fits several nodes: {ids}; use node")
    if not found:
        raise NodeNotFound(f"There is no node with the hostname {name!r}")
    ended = tuple(sorted(node.id for node in found))
    raise NodeTerminated(
        f"There is no living node with the hostname {name!r}; terminated: {', '.join(ended)}", ended
    )


def same_node(node_id: str | None, named: Node) -> Node:
    """Return the node with a given name if it is the one with the given id too.

    Args:
        node_id: the id that the caller gave; None if the caller gave only the name.
        named: the node with the name that the caller gave.

    Raises:
        InvalidParameter: when the name belongs to another node than the id.
    """
    if node_id is not None and named.id != node_id:
        raise InvalidParameter(
            "hostname", f"{named.name!r} is node {named.id}, but node is {node_id!r}"
        )
    return named


def check_usable(node: Node) -> None:
    """Check that a node can be assigned to a user.

    Raises:
        NodeTerminated: when the node is terminated.
        Refused: when the node is in another unusable state.
    """
    check_living(node)
    if not node.state.is_usable:
        raise NotUsable(
            f"Node {node.id} ({node.name}) cannot be assigned: it is in state {node.state.value}"
        )
