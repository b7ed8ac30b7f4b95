"""The requests of version 1 whose answers are examples beside those of the API document."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from orchestrator_core.api.v1.openapi import document
from tests import loopback
from tests.api_examples.recorder import Operations, Recorder
from tests.conftest import running
from tests.stateful import settings

CLOUD: Final = "fake_driver"

_HOLDER: Final = {"user": "fake_user", "vm_type": "app_name"}

_BOTH: Final = ("", "_of_cloud")
"""The ends of the names of operations without and with the name of a cloud."""

_SETTINGS: Final = settings('url = "sqlite:///state.db"')


def record(folder: Path) -> dict[str, Any]:
    """Return the answers of a new server, which keeps its files in a folder."""
    with running(_SETTINGS, folder) as server:
        server.wait_for_log("durable worker ready")
        with loopback.client(f"{server.url}/api/v1", timeout=60) as http:
            recorder = Recorder(http, Operations(document()))
            _reads(recorder)
            _leases(recorder)
            for suffix in _BOTH:
                _changes(recorder, suffix)
    return recorder.recorded()


def _reads(at: Recorder) -> None:
    at.show("list_clouds")
    at.show("get_node", cloud=CLOUD, node_id="1")
    for suffix in _BOTH:
        at.show(f"list_locations{suffix}", cloud=CLOUD)
    at.show("get_cloud", cloud=CLOUD)


def _leases(at: Recorder) -> None:
    """Renew the lease of the VM that the example of a renewal names."""
    at.send("assign", body={**_HOLDER, "node": "1", "lease": "8h"})
    for suffix in _BOTH:
        at.show(f"renew{suffix}", cloud=CLOUD)
        at.show(f"list_vms{suffix}", cloud=CLOUD)


def _changes(at: Recorder, suffix: str) -> None:
    """Make every change without waiting for its end."""

    def accept(name: str, **body: str) -> dict[str, Any]:
        made: dict[str, Any] = at.accept(f"{name}{suffix}", cloud=CLOUD, body=body or None)
        return made

    node = accept("start")["node"]
    accept("assign", node=node, lease="8h", **_HOLDER)
    for action in ("reboot", "poweroff", "poweron"):
        accept(action, node=node)
    accept("renew", node=node, lease="1h")
    accept("release", node=node)
    second = at.send(f"start{suffix}", cloud=CLOUD).json()["nodes"]["id"]
    accept("stop", node=second)
