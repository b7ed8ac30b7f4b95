"""Makes the durable broker out of the settings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import structlog

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.broker.process.entry import Entry
from orchestrator_core.broker.process.process import Process
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.plugins.record import PluginRecord
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.state import installation, same_database
from orchestrator_core.state.database import Database
from orchestrator_core.state.open import TableFault, ensure, ensure_plugins

_log = structlog.get_logger(__name__)


def prepare_entry(
    state: StateSettings,
    database: Database,
    directory: Path,
    plugins: Iterable[PluginRecord],
    kind: str,
) -> Entry:
    """Return the entry of this process into its database; no step of it is made yet.

    Args:
        state: the settings' ``[state]``.
        database: the one that they name.
        directory: the run directory, which tells what database this server has had.
        plugins: those that are used, for their tables.
        kind: of this process: ``web`` or ``worker``. Only a web worker may be late.
    """
    had_one = same_database.has_had_one(database, directory)
    used = list(plugins)

    def check() -> list[TableFault]:
        same_database.check(database, directory)
        ensure(database, may_make=not had_one)
        same_database.remember(database, directory)
        faults = ensure_plugins(database, used)
        _check_place(database, kind)
        return faults

    process = Process(database, kind, state.lease, state.clock_jump)
    return Entry(database, process, check, may_be_late=had_one and kind == "web")


def _check_place(database: Database, kind: str) -> None:
    place = database.place  # before the transaction, which runs in another thread
    held = database.write_now(lambda connection: installation.check_location(connection, place))
    if held and kind == "web":  # a durable worker tells it with its heartbeat
        _log.error("nothing is destroyed", why=held, help="orchestrator db restored --help")


def build_durable(
    state: StateSettings,
    database: Database,
    registry: Registry,
    inventory: CloudInventory,
    entry: Entry,
) -> DurableBroker:
    """Return the broker over a database.

    Args:
        state: the settings' ``[state]``.
        database: with the newest schema, once the process has entered.
        registry: the configured clouds and backends.
        inventory: what the backends are told.
        entry: of this process.
    """
    return DurableBroker(registry, Recorder(database, entry.process, state), inventory, entry)
