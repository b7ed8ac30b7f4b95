"""The check of a VM in its cloud before an external backend assigns the VM."""

from __future__ import annotations

import structlog

from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.living import check_usable
from orchestrator_core.errors import CloudError, Unsupported
from orchestrator_core.model import Vm

_log = structlog.get_logger(__name__)


async def check_shown(cloud: Cloud, vm: Vm, seconds: float | None = None) -> None:
    """Check that a VM which a backend has chosen can be assigned to a user.

    A backend that keeps its own list may not have noticed that a VM failed or was terminated in
    the provider's console. If the cloud cannot be asked, or fails, the backend's decision stands.

    Args:
        cloud: the VM's cloud.
        vm: the VM as the backend returned it.
        seconds: the time limit of the check; None for the cloud's own deadline.

    Raises:
        NodeNotFound: when the cloud has no such VM, or shows it as terminated.
        Refused: when the VM is in an unusable state; the message names the state.
    """
    try:
        _, node = await cloud.look_at(vm.id_vm, seconds)
    except (CloudError, Unsupported) as error:
        _log.warning(
            "VM assigned without a check of its cloud",
            cloud=cloud.name,
            node=vm.id_vm,
            why=error.message,
        )
        return
    check_usable(node)
