"""Attempts to reach the database, the clouds and the assignment backends of the settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError, SettingsError
from orchestrator_core.server.parts import check_database
from orchestrator_core.settings.model import Settings

if TYPE_CHECKING:
    from orchestrator_core.state.database import Database


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of an attempt to use one part of the settings.

    Attributes:
        name: the name of the cloud or backend, or ``[state]``.
        plugin: the name of its plugin, or the kind of the database.
        outcome: what happened, for people.
        seconds: the time that it took; None if nothing was reached for.
        ok: whether the part can be used.
        destroy: the cloud's setting of that name.
    """

    name: str
    plugin: str
    outcome: str
    seconds: float | None
    ok: bool
    destroy: str = ""


def reach_database(settings: Settings, database: Database, *, connect: bool) -> Attempt:
    """Read the schema of the database.

    Args:
        settings: the settings.
        database: their database.
        connect: whether an unusable schema is an outcome; otherwise it is raised.

    Raises:
        SettingsError: The database has a schema that cannot be used, and ``connect`` is false.
    """
    from orchestrator_core.state import schema  # noqa: PLC0415 - needs SQLAlchemy

    kind = "sqlite" if database.is_sqlite else "postgresql"
    begun = time.monotonic()
    try:
        why = check_database(settings, database)
        if not why and (database.untouched or database.read_now(schema.current) is None):
            return Attempt("[state]", kind, f"no database in {database.shown} yet", None, ok=True)
    except SettingsError as error:
        if not connect:
            raise
        return Attempt("[state]", kind, error.message, time.monotonic() - begun, ok=False)
    outcome = why or ("reached" if connect else "ready")
    return Attempt("[state]", kind, outcome, time.monotonic() - begun, ok=not why)


async def reach_plugins(
    registry: Registry, *, connect: bool, patience: float | None = None
) -> list[Attempt]:
    """Reach every cloud and backend at once, then close the registry.

    Args:
        registry: the clouds and backends.
        connect: whether to call them; otherwise only their plugins are looked at.
        patience: the seconds for each; None for the deadlines of the settings.
    """
    clouds = [
        _of_cloud(cloud, connect=connect, patience=patience) for cloud in registry.clouds.values()
    ]
    backends = [
        _attempt(
            backend.name,
            backend.settings.backend,
            backend.failure or registry.lack(backend),
            backend.check if connect else None,
            patience,
        )
        for backend in registry.backends.values()
    ]
    found = await asyncio.gather(*clouds, *backends)
    await registry.close()
    return found


async def _of_cloud(cloud: Cloud, *, connect: bool, patience: float | None) -> Attempt:
    reach = cloud.check if connect else None
    found = await _attempt(cloud.name, cloud.settings.driver, cloud.failure, reach, patience)
    return replace(found, destroy=cloud.settings.destroy or "")


async def _attempt(
    name: str,
    plugin: str,
    failure: str,
    reach: Callable[[], Awaitable[None]] | None,
    patience: float | None,
) -> Attempt:
    if failure or reach is None:
        return Attempt(name, plugin, failure or "ready", None, not failure)
    begun = time.monotonic()
    why = ""
    try:
        async with asyncio.timeout(patience):
            await reach()
    except TimeoutError:
        why = f"did not answer within {patience:g} s"
    except OrchestratorError as error:
        why = error.message + (f" ({error.network_fault})" if error.network_fault else "")
    return Attempt(name, plugin, why or "reached", time.monotonic() - begun, ok=not why)
