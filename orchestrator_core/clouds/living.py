"""Rules about a node's state: which nodes a name can mean, and which can be assigned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orchestrator_core.errors import InvalidParameter, NodeNotFound, NodeTerminated, Refused
from orchestrator_core.model import Node, NodeState

_UNUSABLE: Final = frozenset({NodeState.ERROR, NodeState.STOPPING, NodeState.TERMINATED})
"""States in which a node is not given to a user.

A node that is switched off, suspended or paused can be switched on by its user. One that starts,
reboots, migrates or is reconfigured will run. UNKNOWN is what a driver says that knows no states.
A node that is stopping may be about to be deleted: clouds use one word for both.
"""


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

    Raises:
        NodeNotFound: when there is none.
        NodeTerminated: when all of them are terminated; it names them.
        InvalidParameter: when several are living; it names them.
    """
    found = list(named)
    living = [node for node in found if is_living(node)]
    if len(living) == 1:
        return living[0]
    if living:
        ids = ", ".join(sorted(node.id for node in living))
        raise InvalidParameter("hostname", f"{name!r} fits several nodes: {ids}; use node")
    if not found:
        raise NodeNotFound(f"There is no node with the hostname {name!r}")
    ended = tuple(sorted(node.id for node in found))
    raise NodeTerminated(
        f"There is no living node with the hostname {name!r}; terminated: {', '.join(ended)}", ended
    )


def why_unusable(node: Node) -> str | None:
    """Return why a node cannot be given to a user; None when it can.

    Returns:
        ``in state error``, say.
    """
    return f"in state {node.state.value}" if node.state in _UNUSABLE else None


def check_usable(node: Node) -> None:
    """Do nothing if a node can be given to a user.

    Raises:
        NodeTerminated: when it has ended for good.
        Refused: when it is in another state in which it is of no use.
    """
    check_living(node)
    why = why_unusable(node)
    if why is not None:
        raise Refused(f"Node {node.id} ({node.name}) cannot be assigned: it is {why}")
