"""The durable broker against a small model: changes that race, repeat and are killed.

Everything is real except the process: a kill is an exception at a fault point that no code catches.
After it another broker continues with the same database and cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import Connection, delete, select, update

from orchestrator_core import faultpoints
from orchestrator_core.app import make_components
from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.ledger import leases
from orchestrator_core.broker.operations.change import AssignOrder, Change, VmReference
from orchestrator_core.broker.operations.operation import FINAL, KeyUse, Requester
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.broker.worker.worker import DurableWorker
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import KeyInUse, NodeNotFound, OrchestratorError, Refused
from orchestrator_core.settings.load import load_settings
from orchestrator_core.state.clock import now
from orchestrator_core.state.tables import (
    assignment_events,
    assignments,
    operations,
    processes,
    vms,
)
from tests.databases import MakeUrl
from tests.stateful import settings as toml

POINTS = (
    "start.recorded",
    "start.answered",
    "start.settled",
    "stop.recorded",
    "stop.answered",
    "stop.settled",
    "destroy.gone",
    "assign.settled",
    "release.recorded",
    "release.answered",
    "release.settled",
    "renew.settled",
    "expire.recorded",
    "expire.settled",
)
USERS = ("ann", "bob")
ACTIONS = ("start", "stop", "assign", "lease", "renew", "time", "release")
LEASE = 3600.0
ANY = 5

actions = st.tuples(
    st.sampled_from(ACTIONS),
    st.integers(0, ANY),
    st.sampled_from(USERS),
    st.one_of(st.none(), st.integers(0, 3)),
)


class Killed(BaseException):
    """The end of the process at a fault point."""


class World:
    """A database and a cloud that outlive the brokers over them."""

    def __init__(self, url: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        config = folder / "orchestrator.toml"
        state = f'url = "{url}"\nretry_delay = 0.01\nmax_retry_delay = 0.02\n'
        state += "orphan_scan_interval = 86400"
        store = f'store = "file:{folder}/cloud.db"\nvisibility_timeout = 0.05\nthreads = 4'
        config.write_text(toml(state, store))
        self.settings = load_settings(config, {})
        self.loop = asyncio.new_event_loop()
        self.broker = self.begin()

    def begin(self) -> DurableBroker:
        """Start a new process."""
        self.components = make_components(self.settings, "web")
        broker = self.components.broker
        assert isinstance(broker, DurableBroker)
        self.run(broker.start())
        return broker

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def kill(self) -> None:
        """Kill the process: it signs off nothing, and writes nothing more."""
        self.run(self._end_process())
        self.broker = self.begin()

    async def _end_process(self) -> None:
        broker = self.broker
        broker.process._end.set()  # stops the heartbeat
        broker._recorder.later = lambda *_: None  # type: ignore[method-assign]
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        guard = self.components.registry.cloud(None).guard
        while guard.load.running or guard.load.overdue:  # noqa: ASYNC110
            await asyncio.sleep(0.001)  # The cloud completes the calls that it has received.
        await broker.database.write(lambda c: c.execute(delete(processes)))
        await self.components.registry.close()
        broker.database.close()

    def worker(self) -> DurableWorker:
        state = self.settings.state
        assert state is not None
        return DurableWorker(self.broker, self.components.registry, state, poll=0.01)

    async def time_passes(self, node: str) -> None:
        """Expire a VM's lease, if it has one, and let a durable worker check for due work."""
        ends = (
            update(assignments)
            .where(assignments.c.node_id == node, assignments.c.ended_at.is_(None))
            .where(assignments.c.lease_expires_at.is_not(None))
            .values(lease_expires_at=now() - 1.0)
        )
        await self.broker.database.write(lambda connection: connection.execute(ends))
        worker = self.worker()
        try:
            await worker._turn()
            await asyncio.gather(*worker._tasks)
        finally:
            worker.stop()
        assert worker._orphan_scan is not None
        await worker._orphan_scan

    def settle(self) -> None:
        """Run the durable worker until no work is left."""
        worker = self.worker()

        async def until_idle() -> None:
            working = asyncio.ensure_future(worker.run())
            async with asyncio.timeout(30):
                while await self.broker.database.read(_open):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            worker.stop()
            await working

        self.run(until_idle())

    def close(self) -> None:
        self.run(self.broker.stop())
        self.run(self.components.registry.close())
        self.loop.close()
        self._folder.cleanup()


def _open(connection: Connection) -> bool:
    query = select(operations.c.id).where(operations.c.state.not_in(list(FINAL)))
    return connection.execute(query).first() is not None or leases.any_expired(connection)


class Model(RuleBasedStateMachine):
    """The answers to callers, compared with the database and the cloud."""

    make_url: MakeUrl

    @initialize()
    def begin(self) -> None:
        self.world = World(type(self).make_url())
        self.keyed: dict[str, str] = {}
        self.started: set[str] = set()
        self.told_gone: set[str] = set()
        self.on_lease: set[str] = set()
        self.in_danger: set[str] = set()
        self.there: set[str] = set()
        for _ in range(3):
            self.world.run(self._one("start", 0, "ann", None))
        self.there = set(self.started)
        self.world.run(self._one("lease", 0, "ann", None))
        self.world.run(self._one("lease", 1, "bob", None))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()

    @rule(wanted=st.lists(actions, min_size=1, max_size=4))
    def race(self, wanted: list[tuple[str, int, str, int | None]]) -> None:
        """Run changes at the same time."""
        self.world.run(self._all(wanted))
        self.world.settle()

    @rule(wanted=st.lists(actions, min_size=1, max_size=3), point=st.sampled_from(POINTS))
    def race_and_die(self, wanted: list[tuple[str, int, str, int | None]], point: str) -> None:
        """Run changes at the same time, and kill the process when one reaches a point."""

        def reached(name: str) -> None:
            if name == point:
                raise Killed

        with patch.object(faultpoints, "reached", reached):
            with contextlib.suppress(Killed):
                self.world.run(self._all(wanted))
            self.world.kill()
        self.world.settle()

    async def _all(self, wanted: list[tuple[str, int, str, int | None]]) -> None:
        tasks = [asyncio.ensure_future(self._one(*action)) for action in wanted]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if not task.cancelled() and task.exception() is not None:
                raise task.exception() or Killed

    async def _one(self, action: str, which: int, user: str, number: int | None) -> None:
        broker = self.world.broker
        cloud = self.world.components.registry.cloud(None)
        key = None
        if number is not None:
            key = KeyUse("PUT", f"/{action}/{which}/{user}", str(number), "digest", 3600.0)
        change = Change(cloud, Permit(), Requester("model", "request", key))
        # Mostly existing VMs: an ended one allows few changes.
        known = sorted(self.started if which == ANY else self.there, key=int) or ["3"]
        vm = VmReference(known[which % len(known)])
        assert vm.node is not None
        if action in ("stop", "release", "time"):
            self.in_danger.add(vm.node)
        try:
            if action == "start":
                node = (await broker.start_vm(change, StartOrder("x", "1", "1"))).node.id
                self._was_started(node, key)
            elif action == "stop":
                await broker.act(change, "stop_vm", vm)
                self.told_gone.add(vm.node)
            elif action in ("assign", "lease"):
                lease = LEASE if action == "lease" else None
                order = AssignOrder(vm, user, "app", lease)
                assigned = await broker.assign_vm(change, order)
                assert assigned.result.id_vm == vm.node
                if "lease_expires_at" in assigned.more:
                    self.on_lease.add(vm.node)
            elif action == "renew":
                renewed = await broker.renew_vm(change, vm, LEASE)
                assert "lease_expires_at" in renewed.more
                assert vm.node not in self.told_gone, "told gone, then renewed"
            elif action == "time":
                await self.world.time_passes(vm.node)
            else:
                released = await broker.release_vm(change, vm)
                self.told_gone.add(vm.node)
                assert released.more["deletion"] in ("done", "pending")
        except KeyInUse:
            assert key is not None
        except OrchestratorError as error:
            if not isinstance(error, NodeNotFound | Refused):
                raise

    def _was_started(self, node: str, key: KeyUse | None) -> None:
        assert node not in self.started, "one VM for two starts"
        self.started.add(node)
        if key is not None:
            name = f"{key.path} {key.key}"
            assert name not in self.keyed, "two VMs for one key"
            self.keyed[name] = node

    @invariant()
    def the_cloud_is_what_the_rows_say(self) -> None:
        if not hasattr(self, "world"):
            return
        _, nodes = self.world.run(self.world.components.registry.cloud(None).list_all())
        there = {node.id for node in nodes} - {"1", "2"}
        rows = self.world.broker.database.read_now(_rows)
        present, keyed, open_assignments, expired = rows
        self.there = there
        assert there == present - {"1", "2"}, self.world.broker.database.read_now(_story)
        assert not there & self.told_gone, "told gone and still there"
        assert len(keyed) == len(set(keyed)), "two operations for one VM"
        assert open_assignments <= present, "a VM that is gone has a holder"
        assert not there & expired, "the lease is over and the VM still there"
        assert self.on_lease - self.in_danger <= open_assignments, "taken back before its time"
        for told in self.world.broker.database.read_now(_histories):
            assert "expired" not in told or "renewed" not in told[told.index("expired") :], told


def _story(connection: Connection) -> str:
    """Return the events of the run, for the analysis of a failure."""
    table = operations
    told = [
        f"{o.kind} {o.node_id} {o.state} {o.error_code} attempts={o.attempts} "
        f"created={o.created_at:.4f} "
        f"started={o.attempt_started_at:.4f} finished={o.finished_at or 0:.4f}"
        for o in connection.execute(select(table).order_by(table.c.id))
    ]
    rows = [
        f"vm {v.node_id} {v.origin} {v.state} {v.operation_id} made={v.created_at:.4f} "
        f"gone={v.gone_at or 0:.4f} seen={v.seen_at or 0:.4f}"
        for v in connection.execute(select(vms).order_by(vms.c.id))
    ]
    return "\n".join([*told, *rows])


def _histories(connection: Connection) -> list[list[str | None]]:
    """Return the events of each assignment, in order."""
    table, histories = assignment_events, dict[str, list[str | None]]()
    for row in connection.execute(select(table).order_by(table.c.id)):
        histories.setdefault(row.assignment_id, []).append(row.reason)
    return list(histories.values())


def _rows(connection: Connection) -> tuple[set[str], list[str], set[str], set[str]]:
    present = select(vms.c.node_id).where(vms.c.gone_at.is_(None))
    started = select(operations.c.node_id).where(
        operations.c.kind == "start_vm", operations.c.state == "succeeded"
    )
    held = select(assignments.c.node_id).where(assignments.c.ended_at.is_(None))
    expired = select(assignments.c.node_id).where(assignments.c.end_reason == "expired")
    return (
        set(connection.execute(present).scalars()),
        list(connection.execute(started).scalars()),
        set(connection.execute(held).scalars()),
        set(connection.execute(expired).scalars()),
    )


def check(make_url: MakeUrl, examples: int, steps: int) -> None:
    machine = type("Machine", (Model,), {"make_url": staticmethod(make_url)})
    run_machine(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=not os.environ.get("SOAK"),
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_no_order_of_changes_and_kills_breaks_the_guarantees(
    kind: str, request: pytest.FixtureRequest
) -> None:
    make: MakeUrl = request.getfixturevalue(kind)
    check(make, examples=4, steps=15)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_thousands_of_steps(kind: str, request: pytest.FixtureRequest) -> None:
    make: MakeUrl = request.getfixturevalue(kind)
    check(make, examples=40, steps=50)
