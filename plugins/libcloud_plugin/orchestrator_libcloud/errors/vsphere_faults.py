"""Faults of vSphere, as pyVmomi raises them, and their meanings.

Source: https://developer.broadcom.com/xapis/vsphere-web-services-api/latest/ (faults of
VirtualMachine and SessionManager).
"""

from __future__ import annotations

from typing import Final

from orchestrator_core import (
    CloudError,
    Conflict,
    CredentialsRefused,
    NodeNotFound,
    QuotaExceeded,
    Unsupported,
)
from orchestrator_libcloud.errors.failures import Meaning

_PACKAGE: Final = "pyVmomi.VmomiSupport."
_NO_TOOLS: Final = Meaning(
    Conflict,
    "cannot reboot this VM: VMware Tools are not running in it; switch it off and on instead",
)
_STATE: Final = Meaning(Conflict, "does not allow this in the present state")
_CREDENTIALS: Final = Meaning(CredentialsRefused, "refused the credentials of the settings")

BY_VSPHERE_FAULT: Final[dict[str, Meaning]] = {
    _PACKAGE + name: meaning
    for name, meaning in (
        ("vim.fault.ToolsUnavailable", _NO_TOOLS),
        ("vim.fault.InvalidState", _STATE),  # also InvalidPowerState, which is derived from it
        ("vim.fault.TaskInProgress", _STATE),
        (
            "vim.fault.InsufficientResourcesFault",
            Meaning(QuotaExceeded, "has no capacity left for this"),
        ),
        ("vim.fault.InvalidLogin", _CREDENTIALS),
        ("vim.fault.NotAuthenticated", _CREDENTIALS),  # the session has ended
        ("vmodl.fault.SecurityError", _CREDENTIALS),
        (
            "vim.fault.NoPermission",
            Meaning(CredentialsRefused, "does not allow this with the settings' credentials"),
        ),
        (
            "vim.fault.RestrictedVersion",
            Meaning(Unsupported, "does not allow changes through its API with its present licence"),
        ),
        ("vmodl.fault.NotSupported", Meaning(Unsupported, "does not offer this")),
        ("vmodl.fault.ManagedObjectNotFound", Meaning(NodeNotFound, "has no such node")),
        ("vmodl.MethodFault", Meaning(CloudError, "failed")),
    )
}
"""The meaning of a fault's class, or of its nearest base class in this table."""
