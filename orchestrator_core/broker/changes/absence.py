"""Whether a VM that a plugin calls missing is gone from its cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import CloudError, NodeNotFound, OrchestratorError
from orchestrator_core.model import Node, NodeState

EMPTY_LISTINGS: Final = 3
"""How many listings without any VM, one after the other, are believed."""

EMPTY: Final = "empty_listing"
UNLISTED: Final = "not_listed"
CONTRADICTION: Final = "contradiction"
STILL_THERE: Final = "still_there"

_PAUSE: Final = 1.0
"""Seconds between two listings that one caller waits for."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason why a VM need not be gone although a plugin calls it missing.

    Attributes:
        code: for the operation that waits because of it.
        message: for people.
        is_contradiction: whether the cloud failed or contradicts its plugin; else the plugin may
            be right, and the listing only is no proof of it.
    """

    code: str
    message: str
    is_contradiction: bool = True


async def doubt(cloud: Cloud, node_id: str, empty_before: int) -> Doubt | None:
    """Return why a VM need not be gone; None when a complete listing agrees that it is.

    A cloud that cannot list is believed without one.

    Args:
        cloud: the VM's.
        node_id: the VM that the plugin calls missing.
        empty_before: how many listings in a row showed no VM at all.
    """
    if await cloud.reason_against("list_nodes") is not None:
        return None
    try:
        _, nodes = await cloud.list_all()
    except OrchestratorError as error:
        why = f"Its plugin shows no node {node_id}, and its list cannot be had: {error.message}"
        return Doubt(error.code, why)
    return _doubt(nodes, node_id, empty_before)


def _doubt(nodes: Sequence[Node], node_id: str, empty_before: int) -> Doubt | None:
    found = next((node for node in nodes if node.id == node_id), None)
    if found is not None and found.state is not NodeState.TERMINATED:
        why = f"Node {node_id} is still there ({found.state.value}) in the list"
        return Doubt(CONTRADICTION, f"{why}, although the plugin calls it missing")
    if nodes or empty_before + 1 >= EMPTY_LISTINGS:
        return None
    why = f"There is no node {node_id}; the cloud shows no node at all, which is looked at again"
    return Doubt(EMPTY, why, is_contradiction=False)


def once_more(node_id: str) -> Doubt:
    """Return the doubt about a VM that was there before, and that one listing does not show.

    One answer of a cloud may be short. Nothing asked for the VM's end yet, so that a second one,
    of another attempt, has to agree.
    """
    why = f"The cloud does not list node {node_id} any more, which is looked at once more"
    return Doubt(UNLISTED, why, is_contradiction=False)


async def check(cloud: Cloud, error: NodeNotFound, node_id: str) -> None:
    """Do nothing if a VM that a plugin calls missing is gone, for a caller who waits.

    Raises:
        CloudError: when the cloud's list shows it, or cannot be had.
    """
    for empty_before in range(EMPTY_LISTINGS):
        found = await doubt(cloud, node_id, empty_before)
        if found is None:
            return
        if found.is_contradiction:
            raise CloudError(f"Cloud {cloud.name} contradicts itself: {found.message}") from error
        await asyncio.sleep(_PAUSE)
