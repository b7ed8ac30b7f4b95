"""The default deadline of each operation.

Reads take seconds; changes of a VM take minutes in real clouds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CLOUD_DEADLINES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "check": 15.0,
        "list_nodes": 30.0,
        "list_images": 60.0,
        "list_sizes": 30.0,
        "list_locations": 30.0,
        "list_keypairs": 30.0,
        "list_networks": 30.0,
        "list_firewalls": 30.0,
        "get_node": 20.0,
        "find_node": 30.0,
        "start_vm": 300.0,
        "stop_vm": 120.0,
        "reboot_vm": 120.0,
        "power_on_vm": 120.0,
        "power_off_vm": 120.0,
        "resize_vm": 300.0,
        "confirm_resize": 60.0,
        "rename_vm": 60.0,
        "create_image": 300.0,
        "get_console_output": 30.0,
    }
)
"""The seconds for each operation of a cloud."""

CLOSE_SECONDS: Final = 5.0
"""The seconds that a plugin may take to close its connections when the server stops."""

ASSIGNMENT_DEADLINES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "check": 15.0,
        "list_vms": 30.0,
        "resolve_vm": 30.0,
        "assign_vm": 60.0,
        "release_vm": 60.0,
    }
)
"""The seconds for each operation of an assignment backend."""

ORPHAN_DEADLINES: Final[Mapping[str, float]] = MappingProxyType(
    {"adopt_vm": 30.0, "ignore_orphan": 30.0}
)
"""The seconds for each decision about an orphan that only needs the database."""

LEDGER_DEADLINES: Final[Mapping[str, float]] = MappingProxyType({"renew_vm": 30.0})
"""The seconds for each operation of an assignment that only needs the database."""
