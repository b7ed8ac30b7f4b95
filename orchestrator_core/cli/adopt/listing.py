"""The VMs of a cloud, and the users that a backend knows, read once through the plugins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.clouds.build import build
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.host_environment import HostEnvironment
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError, SettingsError
from orchestrator_core.model import Node, Vm
from orchestrator_core.plugins.loader import load_used_plugins
from orchestrator_core.settings.faults import nearest
from orchestrator_core.settings.model import CloudSettings, Settings
from orchestrator_core.temporary_folder import temporary_folder
from orchestrator_core.uptime import uptime

if TYPE_CHECKING:  # it needs SQLAlchemy
    from orchestrator_core.state.database import Database


@dataclass(frozen=True, slots=True)
class Listing:
    """The lists of a cloud and of a backend.

    Attributes:
        cloud: the cloud's name.
        settings: the cloud's settings.
        nodes: every VM of the cloud, those that have ended too.
        backend: the backend that assigns the cloud's VMs.
        keeps_own: whether that backend keeps assignments of its own.
        records: the VMs that the named backend lists; empty if no backend was named.
        asked_at: the time by :func:`uptime` before the cloud was asked.
    """

    cloud: str
    settings: CloudSettings
    nodes: Sequence[Node]
    backend: str
    keeps_own: bool
    records: Sequence[Vm]
    asked_at: float


async def look(
    settings: Settings, database: Database, cloud: str, from_backend: str | None
) -> Listing:
    """Return the complete list of a cloud's VMs, and the list of a backend if one is named.

    Raises:
        SettingsError: There is no such backend, or it is not the one to import from.
        OrchestratorError: A list cannot be had, or is not complete; nothing follows from a part.
    """
    from orchestrator_core.state.plugin_state import PluginState  # noqa: PLC0415 - SQLAlchemy

    with temporary_folder("orchestrator-adopt-") as directory:
        host = HostEnvironment(directory, CloudInventory(), PluginState(database))
        registry, _extensions = build(settings, load_used_plugins(settings), host)
        try:
            return await _listing(registry, registry.cloud(cloud), from_backend)
        finally:
            await registry.close()


async def _listing(registry: Registry, cloud: Cloud, from_backend: str | None) -> Listing:
    if cloud.failure:
        raise OrchestratorError(f"Cloud {cloud.name} cannot be used: {cloud.failure}")
    own = registry.backend(cloud)
    asked_at = uptime()
    _, nodes = await cloud.list_all()
    records = await _records(registry, cloud, from_backend) if from_backend else []
    if from_backend and own.external and own.name != from_backend:
        raise SettingsError(
            f"Cloud {cloud.name} is assigned by {own.name}, which keeps its own list; import that "
            f"one with --from-backend {own.name}"
        )
    return Listing(cloud.name, cloud.settings, nodes, own.name, own.external, records, asked_at)


async def _records(registry: Registry, cloud: Cloud, name: str) -> list[Vm]:
    backend = registry.backends.get(name)
    if backend is None:
        near = nearest(name, registry.backends)
        raise SettingsError(f"The settings have no [assignments.{name}]{near}")
    if backend.failure:
        raise OrchestratorError(f"Backend {name} cannot be used: {backend.failure}")
    if not backend.external:
        raise SettingsError(
            f"Backend {name} keeps its list in this database already; there is nothing to import"
        )
    return await backend.list_vms(cloud.name, list)
