"""The durable worker, which resumes every operation whose caller no longer waits."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import Connection

from orchestrator_core import faultpoints, observed
from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.ledger import leases
from orchestrator_core.broker.ledger.vm import Assignment
from orchestrator_core.broker.operations import acquire, unclaimed
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.broker.operations.turns import Turns
from orchestrator_core.broker.orphans.scan import OrphanScanner
from orchestrator_core.broker.process import process
from orchestrator_core.broker.worker import housekeeping
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError, StateUnavailable
from orchestrator_core.fair_queue import spare_of
from orchestrator_core.log import begin_work
from orchestrator_core.origin import Lane, Origin, caller_key, origin
from orchestrator_core.refusals import ClockInDoubt
from orchestrator_core.settings.model import StateSettings
from orchestrator_core.traces.tracer import Span

_log = structlog.get_logger(__name__)

_SCAN_CHECK_DELAY: Final = 1.0
"""Seconds between two checks whether a cloud is due for an orphan scan."""

_HOUSEKEEPING: Final = 60.0

_MOST_EXPIRED: Final = 20
"""Number of leases that one transaction expires at most."""


class DurableWorker:
    """Worker that runs due operations until it is stopped.

    Args:
        broker: the broker that makes the attempts.
        registry: the registry of the clouds that this worker can reach.
        settings: the settings, with the concurrency and the process timeout.
        poll: the seconds between two checks for due operations.
    """

    def __init__(
        self,
        broker: DurableBroker,
        registry: Registry,
        settings: StateSettings,
        poll: float = 0.5,
    ) -> None:
        self._broker = broker
        self._process = broker.process
        self._settings = settings
        self._poll = poll
        self._orphan_scanner = OrphanScanner(
            broker.database, registry, settings.orphan_scan_interval, self._process.clock
        )
        self._orphan_scan: asyncio.Task[None] | None = None
        self._limits = {
            name: cloud.settings.max_concurrent_changes for name, cloud in registry.clouds.items()
        }
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._end = asyncio.Event()
        self._slot_free = asyncio.Event()
        self._more = False
        self._swept = -_HOUSEKEEPING

    def stop(self) -> None:
        """Acquire nothing more; :meth:`run` returns when the running attempts have ended."""
        self._end.set()
        self._slot_free.set()

    async def run(self) -> None:
        """Run due operations until :meth:`stop`."""
        while not self._end.is_set():
            try:
                await self._turn()
            except (StateUnavailable, ClockInDoubt):
                pass  # The outage or the clock jump is logged already.
            except OrchestratorError as error:
                _log.warning("durable worker turn failed", why=error.message)
            except Exception:  # noqa: BLE001 - other operations may still be due
                _log.exception("durable worker turn failed")
            await self._rest()
        tasks = {*self._tasks, *([self._orphan_scan] if self._orphan_scan else [])}
        if tasks:
            await asyncio.wait(tasks)

    async def _rest(self) -> None:
        """Wait until the next check, or until a slot is free for another due operation."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll):
                await self._slot_free.wait()
        self._slot_free.clear()

    async def _turn(self) -> None:
        """Expire leases, and acquire due operations."""
        database = self._broker.database
        # First, because it checks the database's clock, which decides everything below.
        expired, due, dead = await database.read(self._check_due)
        await self._clean_up()
        self._scan_for_orphans()
        if expired:
            due = await self._expire_leases() or due
        free = self._settings.concurrency - len(self._tasks)
        if free <= 0:
            return
        if not due and not dead:
            self._more = False
            return
        self._process.check_lease()
        running = Counter(self._tasks.values())
        claimed = await database.write(lambda c: self._claim(c, free, running, dead))
        for operation in claimed:
            task = asyncio.ensure_future(self._attempt(operation))
            self._process.runs(operation.id, task)
            self._tasks[task] = operation.caller
            task.add_done_callback(self._ended)
        self._more = due  # More may be due: one caller does not get all slots.

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if self._more:
            self._slot_free.set()

    def _check_due(self, connection: Connection) -> tuple[bool, bool, list[str]]:
        seen = (
            leases.any_expired(connection),
            acquire.anything_due(connection, self._settings.process_timeout),
            process.ended(connection),
        )
        self._process.clock.check(connection)
        return seen

    async def _expire_leases(self) -> bool:
        """Record releases of VMs with expired leases; return whether there were any."""
        taken = await self._broker.database.write(self._expire)
        if taken:
            faultpoints.reached("expire.recorded")
        for releasing, assignment in taken:
            _log.info(
                "lease expired",
                operation_id=releasing,
                cloud=assignment.cloud,
                node=assignment.node_id,
            )
        if len(taken) == _MOST_EXPIRED:
            self._slot_free.set()  # More leases may have expired: check again at once.
        return bool(taken)

    def _expire(self, connection: Connection) -> list[tuple[str, Assignment]]:
        taken = leases.expire_leases(connection, _MOST_EXPIRED)
        self._process.clock.check(connection)
        return taken

    def _claim(
        self, connection: Connection, most: int, running: Counter[str], dead: list[str]
    ) -> list[Operation]:
        process.remove_dead(connection, dead)
        clock = self._process.clock
        steady = clock.is_steady()
        if steady:
            acquire.reclaim_lost(connection, self._settings.process_timeout)
        slots = self._settings.concurrency
        turns = Turns(running, slots - spare_of(slots))
        claimed = acquire.acquire_due(connection, self._process.id, self._limits, most, turns)
        clock.check(connection)
        if steady and not clock.is_steady():
            raise ClockInDoubt("The database's clock has jumped: silent processes may be alive")
        return claimed

    async def _attempt(self, operation: Operation) -> None:
        origin.set(Origin(caller_key(operation.caller), Lane.CHANGE))
        begin_work(operation.id)
        with observed.attempt(
            operation.kind,
            operation.cloud,
            operation.id,
            operation.attempts,
            operation.traceparent,
        ) as span:
            await self._attempt_within(operation, span)

    async def _attempt_within(self, operation: Operation, span: Span) -> None:
        log = _log.bind(kind=operation.kind, cloud=operation.cloud)
        began = time.monotonic()
        try:
            if (
                operation.attempt_started_at
                and operation.attempt_started_at > operation.deadline_at
            ):
                ended = await self._broker.give_up(operation)
            else:
                ended = await self._broker.resume(operation)
        except OrchestratorError as error:
            log.warning("attempt failed", why=error.message)
            span.note({"orchestrator.error_code": error.code})
        except Exception:
            log.exception("attempt failed")
        else:
            span.note(
                {
                    "orchestrator.operation.state": ended.state,
                    "orchestrator.operation.step": operation.step,
                }
            )
            if ended.error_code is not None:
                span.note({"orchestrator.error_code": ended.error_code})
            log.info(
                "attempt ended",
                attempt=operation.attempts,
                step=operation.step,
                state=ended.state,
                error_code=ended.error_code,
                duration=round(time.monotonic() - began, 3),
            )

    def _scan_for_orphans(self) -> None:
        if self._orphan_scan is None or self._orphan_scan.done():
            self._orphan_scan = asyncio.ensure_future(self._find_orphans())

    async def _find_orphans(self) -> None:
        try:
            await self._orphan_scanner.scan_due()
        except (StateUnavailable, ClockInDoubt):
            pass
        except OrchestratorError as error:
            _log.warning("orphan scan failed", why=error.message)
        except Exception:  # noqa: BLE001 - the next scan may succeed
            _log.exception("orphan scan failed")
        await self._wait(_SCAN_CHECK_DELAY)

    async def _clean_up(self) -> None:
        if time.monotonic() - self._swept < _HOUSEKEEPING:
            return
        self._swept = time.monotonic()
        await self._broker.database.write(self._sweep)
        await asyncio.to_thread(self._broker.database.checkpoint)
        for operation in await self._broker.database.write(self._report_unclaimed):
            _log.warning(
                "operation unclaimed",
                operation_id=operation.id,
                cloud=operation.cloud,
                why=operation.error_message,
            )

    def _sweep(self, connection: Connection) -> None:
        housekeeping.sweep(connection, self._settings)
        self._process.clock.check(connection)

    def _report_unclaimed(self, connection: Connection) -> list[Operation]:
        reported = unclaimed.report(connection, self._limits, self._settings.process_timeout)
        self._process.clock.check(connection)
        return reported

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()
