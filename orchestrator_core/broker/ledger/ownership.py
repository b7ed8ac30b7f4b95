"""Refusals to destroy VMs that this installation neither started nor adopted."""

from __future__ import annotations

from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import Refused


class NotOwn(Refused):
    """Refusal to destroy a VM that was neither started nor adopted by this installation.

    Raised for a cloud with ``destroy = "own"``. Callers see it as a :class:`Refused`.
    """

    def __init__(self, cloud: str, node_id: str) -> None:
        super().__init__(
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
        raise Refused(f"Cloud {cloud.name} {reason}")
