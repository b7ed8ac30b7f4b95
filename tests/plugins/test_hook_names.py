"""Suggestions for misspelt hook names."""

from __future__ import annotations

import pytest

from orchestrator_core.plugins.hook_names import meant
from orchestrator_core.plugins.record import Kind


def hooks(kind: Kind) -> list[str]:
    return [hook for hook in vars(kind.hookspecs) if not hook.startswith("_")]


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("stop_node", "stop_vm"),
        ("delete_vm", "stop_vm"),
        ("terminate_instance", "stop_vm"),
        ("destroyServer", "stop_vm"),
        ("destroy", "stop_vm"),
        ("create_node", "start_vm"),
        ("run_instances", "start_vm"),
        ("boot_vm", "start_vm"),
        ("restart_vm", "reboot_vm"),
        ("shutdown_vm", "power_off_vm"),
        ("turn_on_vm", "power_on_vm"),
        ("scale_instance", "resize_vm"),
        ("relabel_node", "rename_vm"),
        ("snapshot_vm", "create_image"),
        ("create_template", "create_image"),
        ("get_serial_console", "get_console_output"),
        ("list_instances", "list_nodes"),
        ("list_servers", "list_nodes"),
        ("list_vms", "list_nodes"),
        ("describe_instances", "list_nodes"),
        ("list_flavors", "list_sizes"),
        ("list_instance_types", "list_sizes"),
        ("list_regions", "list_locations"),
        ("get_vm", "get_node"),
        ("find_by_tag", "find_node"),
        ("ping", "check"),
        ("list_nods", "list_nodes"),
        ("lists_nodes", "list_nodes"),
        ("desribe", "describe"),
        ("xyzzy", None),
    ],
)
def test_of_a_cloud(name: str, hook: str | None) -> None:
    assert meant(name, hooks(Kind.CLOUD)) == hook


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("list_nodes", "list_vms"),
        ("claim_vm", "assign_vm"),
        ("unassign_vm", "release_vm"),
        ("free_vm", "release_vm"),
        ("find_vm", "resolve_vm"),
        ("lookup", "resolve_vm"),
    ],
)
def test_of_a_backend(name: str, hook: str) -> None:
    assert meant(name, hooks(Kind.ASSIGNMENT)) == hook
