"""The cloud with which the kit tests assignment backends and extensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from orchestrator_core.context import PluginContext
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import PluginError
from orchestrator_core.model import Image, Node, Size
from orchestrator_core.plugins.contract import settings_schema
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.loader import load_plugins
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import PluginSettings
from orchestrator_core.start_request import StartRequest

STAGE_CLOUD: Final = "dummy"
"""The entry point of the cloud's plugin, which the kit requires."""

STAGE_BACKEND: Final = "given"
"""The entry point of the assignment backend for tests of extensions; it is part of the core."""

_SECONDS: Final = 60.0


def stage_settings(store: Path) -> dict[str, Any]:
    """Return the settings of the cloud.

    Args:
        store: The file with its nodes.
    """
    return {"store": f"file:{store}"}


def stage_nodes(store: Path, count: int) -> tuple[Node, ...]:
    """Start nodes in the cloud before a server uses it; return all its nodes.

    Args:
        store: The file with its nodes.
        count: The number of nodes to start, in addition to the first ones of the cloud.

    Raises:
        PluginError: The cloud's plugin is not installed.
    """
    record = load_plugins(PluginSettings(allow=(STAGE_CLOUD,))).get(Kind.CLOUD, STAGE_CLOUD)
    if record is None or record.factory is None:
        raise PluginError(
            "the kit needs vm-orchestrator-dummy: pip install 'vm-orchestrator[testing]'"
        )
    settings = settings_schema(record.factory)().load(stage_settings(store))
    cloud = record.factory(PluginContext("cloud", store.parent), settings)
    hooks = Hooks(Kind.CLOUD, "Cloud cloud", cloud)
    for _ in range(count):
        request = StartRequest("x", Image("1", "1"), Size("1", "1"))
        hooks.one("start_vm", Node, request=request, deadline=Deadline(_SECONDS), hints={})
    return tuple(hooks.many("list_nodes", Node, deadline=Deadline(_SECONDS), hints={}))
