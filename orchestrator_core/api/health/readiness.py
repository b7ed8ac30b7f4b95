"""The readiness of this process: whether it can serve what the settings promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator_core.api.bounded import BoundedValue
from orchestrator_core.api.services import Services
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.run_directory import WORKER_STARTED, inherited, is_reloading

if TYPE_CHECKING:  # it needs SQLAlchemy, which only a server with a database has loaded
    from orchestrator_core.broker.health import StateHealth

_KEPT: Final = 1.0
"""The seconds for which a result is kept, so that callers without a token cost little."""

_PATIENCE: Final = 2.0
"""The seconds to wait for the database. A supervisor must wait longer than that."""

_NO_DATABASE: Final = "The database cannot be reached"
_SCHEMA: Final = "The database does not have the schema that this version needs"
_SILENT: Final = "This process cannot write its heartbeat, and begins no changes until it can"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The reasons that keep this process from serving, and the holds in its database.

    Attributes:
        database: the reason why the database cannot be used; empty if it can, or if there is none.
        worker: the reason why interrupted operations do not continue; empty if they do.
        held: the reason why nothing is destroyed; empty if destruction is allowed.
        clock: the reason why no lease expires; empty if leases expire.
        stopping: whether the server is about to end.
    """

    database: str = ""
    worker: str = ""
    held: str = ""
    clock: str = ""
    stopping: bool = False

    @property
    def reasons(self) -> list[str]:
        """The reasons against sending requests to this process; empty when it is ready."""
        stopping = "The server is stopping" if self.stopping else ""
        return [reason for reason in (stopping, self.database, self.worker) if reason]


class ReadinessProbe:
    """The check of this process's database and of the durable workers.

    A durable worker that is replaced, as on every reload, has no row for a moment. The last
    heartbeat of any durable worker is therefore remembered. A web worker of a reload has seen none;
    for it, the durable worker before the reload counts as alive when the web worker starts.

    Args:
        services: the objects that resources use.
    """

    def __init__(self, services: Services) -> None:
        self._broker = services.broker
        self._state = services.settings.state
        self._worker_seen_at = 0.0
        self._is_reloaded = WORKER_STARTED in inherited()
        self._health = BoundedValue(self._broker.state_health, kept=_KEPT, patience=_PATIENCE)

    async def look(self) -> Readiness:
        """Return the readiness of this process; it is at most a second old."""
        # A process that a reload replaces ends without the server.
        stopping = self._broker.is_stopping and not is_reloading()
        if self._state is None:
            return Readiness(stopping=stopping)
        try:
            health = await self._health.get()
        except StateUnavailable:
            return Readiness(_NO_DATABASE, stopping=stopping)
        except TimeoutError:
            late = f"The database did not answer within {_PATIENCE:g} s"
            return Readiness(late, stopping=stopping)
        assert health is not None
        if health.schema_fault:
            return Readiness(_SCHEMA, stopping=stopping)
        fault = "" if health.is_registered else _SILENT
        return Readiness(fault, self._worker_fault(health), health.held, health.clock, stopping)

    def _worker_fault(self, health: StateHealth) -> str:
        """Return why the durable worker of this server counts as missing; empty if it does not."""
        assert self._state is not None
        seen_at = health.worker_seen_at or (health.now if self._is_reloaded else 0.0)
        self._is_reloaded = False
        self._worker_seen_at = max(self._worker_seen_at, seen_at)
        silent = health.now - self._worker_seen_at
        if not self._state.worker or silent <= self._state.process_timeout:
            return ""
        if not self._worker_seen_at:
            return "No durable worker has started yet"
        return (
            f"No durable worker has been alive for {silent:.0f} s; operations that were "
            "interrupted do not continue"
        )
