"""Evidence that a VM which a plugin reports as missing is gone from its cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import CloudError, NodeNotFound, OrchestratorError
from orchestrator_core.model import Node, NodeState

EMPTY_LISTINGS: Final = 3
"""Number of consecutive listings without any VM after which an empty listing is believed."""

EMPTY: Final = "empty_listing"
UNLISTED: Final = "not_listed"
CONTRADICTION: Final = "contradiction"
STILL_THERE: Final = "still_there"

_LISTING_DELAY: Final = 1.0
"""Seconds between two listings while a caller waits."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason to doubt that a VM is gone although its plugin reports it as missing.

    Attributes:
        code: the error code of the operation that waits because of the doubt.
        message: the explanation for people.
        is_contradiction: whether the cloud failed or contradicts its plugin. If False, the plugin
            may be right, but the listing does not prove it.
    """

    code: str
    message: str
    is_contradiction: bool = True


async def doubt(cloud: Cloud, node_id: str, empty_before: int) -> Doubt | None:
    """Return the reason to doubt that a VM is gone; None when a complete listing confirms it.

    A plugin that cannot list VMs is believed without a listing.

    Args:
        cloud: the VM's cloud.
        node_id: the id of the VM that the plugin reports as missing.
        empty_before: the number of consecutive listings so far that showed no VM at all.
    """
    if await cloud.reason_against("list_nodes") is not None:
        return None
    try:
        _, nodes = await cloud.list_all()
    except OrchestratorError as error:
        why = f"Its plugin shows no node {node_id}, and its list cannot be read: {error.message}"
        return Doubt(error.code, why)
    return _doubt(nodes, node_id, empty_before)


def _doubt(nodes: Sequence[Node], node_id: str, empty_before: int) -> Doubt | None:
    found = next((node for node in nodes if node.id == node_id), None)
    if found is not None and found.state is not NodeState.TERMINATED:
        why = f"Node {node_id} is still there ({found.state.value}) in the list"
        return Doubt(CONTRADICTION, f"{why}, although the plugin reports it as missing")
    if nodes or empty_before + 1 >= EMPTY_LISTINGS:
        return None
    why = f"There is no node {node_id}; the cloud lists no node at all and is asked again"
    return Doubt(EMPTY, why, is_contradiction=False)


def once_more(node_id: str) -> Doubt:
    """Return the doubt about a VM that existed before and is missing from one listing.

    A single listing may be incomplete. No deletion of the VM was requested yet, so a second
    listing, in another attempt, must confirm that the VM is gone.
    """
    why = f"The cloud no longer lists node {node_id} and is asked once more"
    return Doubt(UNLISTED, why, is_contradiction=False)


async def check(cloud: Cloud, error: NodeNotFound, node_id: str) -> None:
    """Confirm, while a caller waits, that a VM which a plugin reports as missing is gone.

    Raises:
        CloudError: when the cloud's list shows the VM, or the list cannot be read.
    """
    for empty_before in range(EMPTY_LISTINGS):
        found = await doubt(cloud, node_id, empty_before)
        if found is None:
            return
        if found.is_contradiction:
            raise CloudError(f"Cloud {cloud.name} contradicts itself: {found.message}") from error
        await asyncio.sleep(_LISTING_DELAY)
