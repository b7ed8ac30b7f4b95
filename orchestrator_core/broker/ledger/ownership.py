"""Refusals to destroy VMs that this installation neither started nor adopted."""

from __future__ import annotations

from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.refusals import NotOwn


def not_own(cloud: str, node_id: str) -> NotOwn:
    """Return the refusal to destroy a VM in a cloud with ``destroy = "own"``."""
    return NotOwn(
        f"Node {node_id} was neither started nor adopted here, and cloud {cloud} destroys only "
        'its own VMs (destroy = "own"). Adopt the VM with: orchestrator orphans adopt '
        f'{cloud} {node_id}; or set destroy = "all"'
    )


def check_can_destroy(registry: Registry, cloud: Cloud) -> None:
    """Check that this server may destroy VMs of a cloud at all.

    Raises:
        Refused: The server may not; the message says what to change.
    """
    reason = registry.reason_against_destroying(cloud)
    if reason is not None:
        raise NotOwn(f"Cloud {cloud.name} {reason}")
