"""Construction of the durable broker from the settings."""

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
    """Return the entry of this process into its database; the process has not entered yet.

    Args:
        state: The settings' ``[state]``.
        database: The database that the settings name.
        directory: The run directory, which records the database that this server has used.
        plugins: The plugins in use, for their tables.
        kind: The kind of this process: ``web``, ``worker`` or ``command``. Only a web worker may
            enter late.
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

    process = Process(database, kind, state.process_timeout, state.clock_jump)
    return Entry(database, process, check, may_be_late=had_one and kind == "web")


def _check_place(database: Database, kind: str) -> None:
    place = database.place  # read before the transaction, which runs in another thread
    held = database.write_now(lambda connection: installation.check_location(connection, place))
    if held and kind == "web":  # a durable worker logs it with its heartbeat
        _log.error("destruction held", why=held, help="orchestrator db restored --help")


def build_durable(
    state: StateSettings,
    database: Database,
    registry: Registry,
    inventory: CloudInventory,
    entry: Entry,
) -> DurableBroker:
    """Return the broker for a database.

    Args:
        state: The settings' ``[state]``.
        database: The database; it has the newest schema once the process has entered.
        registry: The configured clouds and backends.
        inventory: The inventory that the backends query.
        entry: The entry of this process.
    """
    return DurableBroker(registry, Recorder(database, entry.process, state), inventory, entry)
