"""Makes the durable broker out of the settings."""

from __future__ import annotations

import structlog

from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.inventory import CloudInventory
from orchestrator_core.broker.process import Process
from orchestrator_core.broker.recorder import Recorder
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.model import Settings
from orchestrator_core.state import installation
from orchestrator_core.state.open import ensure, open_database

_log = structlog.get_logger(__name__)


def build_durable(
    settings: Settings, registry: Registry, inventory: CloudInventory, kind: str
) -> DurableBroker:
    """Open the database and return the broker over it.

    Args:
        settings: with a ``[state]``.
        registry: the configured clouds and backends.
        inventory: what the backends are told.
        kind: of this process: ``web`` or ``worker``.

    Raises:
        SettingsError: when the database cannot be used, with what to do.
    """
    state = settings.state
    if state is None:
        raise SettingsError("state: is missing")
    database = open_database(settings)
    ensure(database)
    held = database.write_now(
        lambda connection: installation.look_around(connection, database.place)
    )
    if held:
        _log.error("nothing is destroyed", why=held, help="orchestrator db restored --help")
    itself = database.read_now(installation.read)
    recorder = Recorder(database, Process(database, kind, state.lease), state)
    return DurableBroker(registry, recorder, itself, inventory)
