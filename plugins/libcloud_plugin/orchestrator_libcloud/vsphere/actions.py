"""Actions on vSphere VMs.

Libcloud's own actions wait ten seconds between two checks of a task and lose the reason if one
fails. Its reboot takes None, the answer to ``RebootGuest``, for a task and fails.
"""

from __future__ import annotations

import time
from typing import Any, Final

from orchestrator_core import CloudError
from orchestrator_libcloud.http.call import current

MODULE: Final = "libcloud.compute.drivers.vsphere"
_FIRST_LOOK: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
"""Seconds between the first two checks of a task, doubled from check to check up to the longest."""


def destroy(driver: Any, node: Any, _: Any) -> bool:
    """Switch a VM off if it is on, then delete it with its files."""
    vm = driver.find_by_uuid(node.id)
    if str(vm.runtime.powerState) != "poweredOff":
        wait_for(vm.PowerOff())
    wait_for(vm.Destroy())
    return True


def power_off(driver: Any, node: Any, _: Any) -> bool:
    """Switch a VM off."""
    wait_for(driver.find_by_uuid(node.id).PowerOff())
    return True


def power_on(driver: Any, node: Any, _: Any) -> bool:
    """Switch a VM on."""
    wait_for(driver.find_by_uuid(node.id).PowerOn())
    return True


def reboot(driver: Any, node: Any, _: Any) -> bool:
    """Ask a VM's guest to restart.

    This needs VMware Tools in the guest. There is no task for it.
    """
    driver.find_by_uuid(node.id).RebootGuest()
    return True


def wait_for(task: Any) -> Any:
    """Wait until a task has ended and return its result; raise the task's fault if it failed."""
    pause = _FIRST_LOOK
    while True:
        info = task.info
        if info.state == "success":
            return info.result
        if info.state == "error":
            if isinstance(info.error, Exception):
                raise info.error
            raise CloudError("The vSphere server's task failed without a reason")
        if (call := current()) is not None:
            call.check()
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
