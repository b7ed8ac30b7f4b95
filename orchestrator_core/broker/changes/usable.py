"""The look at a VM's cloud before an outside backend assigns the VM."""

from __future__ import annotations

import structlog

from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.living import check_usable
from orchestrator_core.errors import CloudError, Unsupported
from orchestrator_core.model import Vm

_log = structlog.get_logger(__name__)


async def check_shown(cloud: Cloud, vm: Vm, seconds: float | None = None) -> None:
    """Do nothing if a VM that a backend has chosen can be given to a user.

    A backend that keeps its own list may not have noticed that a VM failed or was terminated in
    the provider's console. A cloud that cannot be asked, or fails, keeps no VM from its user: the
    backend has decided then.

    Args:
        cloud: the VM's.
        vm: as the backend gave it.
        seconds: how long the look may take; None for the cloud's own deadline.

    Raises:
        NodeNotFound: when the cloud has no such VM, or shows it as terminated.
        Refused: with the state in which it is of no use.
    """
    try:
        _, node = await cloud.look_at(vm.id_vm, seconds)
    except (CloudError, Unsupported) as error:
        _log.warning(
            "assigned without a look at its cloud",
            cloud=cloud.name,
            node=vm.id_vm,
            why=error.message,
        )
        return
    check_usable(node)
