"""Attempts to reach the database, the clouds and the assignment backends of the settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_core.cli import remedies
from orchestrator_core.clouds.backend import Backend
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
        section: the section of the settings that describes it, such as ``[clouds.aws]``.
        name: the name of the cloud or backend, or ``[state]``.
        plugin: the name of its plugin, or the kind of the database.
        outcome: what happened, for people.
        seconds: the time that it took; None if nothing was reached for.
        ok: whether the part can be used.
        destroy: the cloud's setting of that name.
        remedy: what to do if it cannot be used; empty if it can, or if the outcome says so.
    """

    section: str
    name: str
    plugin: str
    outcome: str
    seconds: float | None
    ok: bool
    destroy: str = ""
    remedy: str = ""

    @property
    def fault(self) -> str:
        """Why it cannot be used and what to do, in one sentence without its end."""
        return f"{self.outcome}; {self.remedy}" if self.remedy else self.outcome


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
    made = partial(Attempt, "[state]", "[state]", kind)
    try:
        why = check_database(settings, database)
        if not why and (database.untouched or database.read_now(schema.current) is None):
            return made(f"no database in {database.shown} yet", None, ok=True)
    except SettingsError as error:
        if not connect:
            raise
        return made(error.message, time.monotonic() - begun, ok=False)
    outcome = why or ("reached" if connect else "ready")
    remedy = remedies.of_database(is_sqlite=database.is_sqlite) if why else ""
    return made(outcome, time.monotonic() - begun, ok=not why, remedy=remedy)


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
        _of_backend(backend, registry.lack(backend), connect=connect, patience=patience)
        for backend in registry.backends.values()
    ]
    found = await asyncio.gather(*clouds, *backends)
    await registry.close()
    return found


async def _of_cloud(cloud: Cloud, *, connect: bool, patience: float | None) -> Attempt:
    reach = cloud.check if connect else None
    settings = cloud.settings
    made = partial(Attempt, f"[clouds.{cloud.name}]", cloud.name, settings.driver)
    found = await _attempt(made, cloud.failure, reach, patience)
    return replace(found, destroy=settings.destroy or "")


async def _of_backend(
    backend: Backend, lack: str, *, connect: bool, patience: float | None
) -> Attempt:
    section = f"[assignments.{backend.name}]"
    plugin = backend.settings.backend
    if lack:
        return Attempt(section, backend.name, plugin, lack, None, ok=False, remedy=remedies.STATE)
    reach = backend.check if connect else None
    made = partial(Attempt, section, backend.name, plugin)
    return await _attempt(made, backend.failure, reach, patience)


async def _attempt(
    made: partial[Attempt],
    failure: str,
    reach: Callable[[], Awaitable[None]] | None,
    patience: float | None,
) -> Attempt:
    section = made.args[0]
    if failure:
        return made(failure, None, ok=False, remedy=remedies.of_plugin(section))
    if reach is None:
        return made("ready", None, ok=True)
    begun = time.monotonic()
    why = remedy = ""
    try:
        async with asyncio.timeout(patience):
            await reach()
    except TimeoutError:
        why = f"did not answer within {patience:g} s"
        remedy = remedies.of_silence(section)
    except OrchestratorError as error:
        why = error.message + (f" ({error.network_fault})" if error.network_fault else "")
        remedy = remedies.of_call(error, section)
    return made(why or "reached", time.monotonic() - begun, ok=not why, remedy=remedy)
