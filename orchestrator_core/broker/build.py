"""Makes the durable broker out of the settings."""

from __future__ import annotations

import structlog

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.broker.process.process import Process
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.state import installation
from orchestrator_core.state.database import Database

_log = structlog.get_logger(__name__)


def build_durable(
    state: StateSettings,
    database: Database,
    registry: Registry,
    inventory: CloudInventory,
    kind: str,
) -> DurableBroker:
    """Return the broker over a database.

    Args:
        state: the settings' ``[state]``.
        database: with the newest schema.
        registry: the configured clouds and backends.
        inventory: what the backends are told.
        kind: of this process: ``web`` or ``worker``.
    """
    held = database.write_now(
        lambda connection: installation.check_location(connection, database.place)
    )
    if held and kind == "web":  # a durable worker tells it with its heartbeat
        _log.error("nothing is destroyed", why=held, help="orchestrator db restored --help")
    recorder = Recorder(
        database, Process(database, kind, state.process_timeout, state.clock_jump), state
    )
    return DurableBroker(registry, recorder, inventory)
