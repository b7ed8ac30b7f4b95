"""Rules about a node's state: which nodes a name can mean, and which can be assigned."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator_core.errors import InvalidParameter, NodeNotFound, NodeTerminated, Refused
from orchestrator_core.model import Node, NodeState


def is_living(node: Node) -> bool:
    """Return whether a node still exists: EC2 shows terminated instances for about an hour.

    Source: AWS, "Terminate Amazon EC2 instances".
    """
    return node.state is not NodeState.TERMINATED


def check_living(node: Node) -> None:
    """Do nothing if a node still exists.

    Raises:
        NodeTerminated: when it does not.
    """
    if not is_living(node):
        raise NodeTerminated(f"Node {node.id} ({node.name}) is terminated", (node.id,))


def choose_living(named: Iterable[Node], name: str) -> Node:
    """Return the one living node among those that have a name.

    A node that is being deleted is meant only where no other has its name.

    Raises:
        NodeNotFound: when there is none.
        NodeTerminated: when all of them are terminated; it names them.
        InvalidParameter: when several are living; it names them.
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


def check_usable(node: Node) -> None:
    """Do nothing if a node can be given to a user.

    Raises:
        NodeTerminated: when it has ended for good.
        Refused: when it is in another state in which it is of no use.
    """
    check_living(node)
    if not node.state.is_usable:
        raise Refused(
            f"Node {node.id} ({node.name}) cannot be assigned: it is in state {node.state.value}"
        )
