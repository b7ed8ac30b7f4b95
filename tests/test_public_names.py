"""The names that plugins may use: a closed list, and a contract in which everything is said."""

from __future__ import annotations

import inspect

import pytest

import orchestrator_core
from orchestrator_core.hookspecs import AssignmentHooks, CloudHooks, ExtensionHooks

NAMES = [
    "AssignRequest",
    "AssignmentResult",
    "BackendContext",
    "Call",
    "CircuitOpen",
    "CloudBusy",
    "CloudDescription",
    "CloudError",
    "CloudTimeout",
    "CloudUnavailable",
    "CloudUnreachable",
    "Conflict",
    "CredentialsRefused",
    "Deadline",
    "ExtensionContext",
    "FileField",
    "Forbidden",
    "Image",
    "ImageNotFound",
    "InvalidParameter",
    "Inventory",
    "Location",
    "LocationNotFound",
    "Node",
    "NodeNotFound",
    "NodeState",
    "NonsenseAnswer",
    "NotFound",
    "OperationStatus",
    "OrchestratorError",
    "Outcome",
    "PathField",
    "PluginContext",
    "PluginError",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "RequestError",
    "Secret",
    "SecretField",
    "SecretMapping",
    "Size",
    "SizeNotFound",
    "StartRequest",
    "State",
    "StateUnavailable",
    "Unsupported",
    "Vm",
    "VmStatus",
    "hookimpl",
    "reveal_all",
]

HOOKS = [
    hook
    for kind in (CloudHooks, AssignmentHooks, ExtensionHooks)
    for name, hook in vars(kind).items()
    if not name.startswith("_")
]


def test_the_list_is_closed() -> None:
    assert sorted(orchestrator_core.__all__) == orchestrator_core.__all__ == NAMES
    for name in NAMES:
        assert getattr(orchestrator_core, name).__doc__ or name == "hookimpl"


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__qualname__)
def test_every_hook_says_what_it_does_and_since_when(hook: object) -> None:
    documentation = inspect.getdoc(hook) or ""
    assert ".. versionadded::" in documentation
    assert len(documentation.splitlines()[0]) > 20
