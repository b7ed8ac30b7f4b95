"""Copies that become installations of their own: the rows that they keep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, update

from orchestrator_core import CloudDescription, Node, hookimpl
from orchestrator_core.broker import admin
from orchestrator_core.broker.changes.start import Starter
from orchestrator_core.broker.ledger import assignments, leases
from orchestrator_core.broker.ledger.vm import Claim
from orchestrator_core.broker.operations import acquire, inserts
from orchestrator_core.broker.operations.operation import Draft, Operation, Requester
from orchestrator_core.broker.states import AssignmentState, Step
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.errors import Conflict, NodeNotFound
from orchestrator_core.model import AssignRequest, Vm
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state import installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import assignments as assignment_rows
from orchestrator_core.uptime import uptime
from tests.broker.conftest import recorder_of
from tests.databases import waits_for_a_row
from tests.stateful import wait_for

WHO = Requester("portal", "request")
PROCESS = "p" * 32
START = Draft("start_vm", "sky", Step.START, WHO, {}, 60.0)


def become(connection: Connection) -> None:
    installation.hold(connection, "the database was restored from a backup")
    admin.detach_copy(connection, WHO)
    installation.confirm(connection, "here", new_id=True)


def lost_start(connection: Connection) -> Operation:
    operation = inserts.record(connection, START, PROCESS)
    acquire.reclaim(connection, operation, "the process that ran the operation has ended")
    return operation


def lost_expiry(connection: Connection) -> Operation:
    wanted = AssignRequest("sky", Vm(0, "7", "seven"), "ada", "app")
    claim = Claim(wanted, "given", WHO, uptime(), AssignmentState.ACTIVE, lease=60.0)
    assignments.claim(connection, claim)
    connection.execute(update(assignment_rows).values(lease_expires_at=now() - 1.0))
    ((operation_id, _),) = leases.expire_leases(connection, 1)
    (claimed,) = acquire.acquire_due(connection, PROCESS, {"sky": None}, 1)
    acquire.reclaim(connection, claimed, "the process that ran the operation has ended")
    assert claimed.id == operation_id
    return claimed


def moved_and_started(connection: Connection) -> Operation:
    """Record a moved database, and a start whose answer was lost after that."""
    assert installation.hold_if_moved(connection, "elsewhere")
    return lost_start(connection)


@pytest.mark.parametrize("left", [lost_expiry, moved_and_started])
def test_what_may_have_begun_is_settled_before(
    database: Database, left: Callable[[Connection], Operation]
) -> None:
    """Otherwise a copy would end a lease of the original, or lose a VM of its own."""
    operation = database.write_now(left)
    before = database.read_now(installation.read).id
    with pytest.raises(Conflict, match=operation.id):
        database.write_now(become)
    assert database.read_now(installation.read).id == before
    database.write_now(lambda c: admin.abandon(c, operation.id, WHO, "settled by hand"))
    database.write_now(become)
    assert database.read_now(installation.read).id != before
    held = database.read_now(lambda c: assignments.holding(c, "sky", "7"))
    assert held is None or (held.state, held.lease_expires_at) == (AssignmentState.ACTIVE, None)


class SearchedCloud:
    """A cloud that is searched for markers, and has none of them."""

    def __init__(self) -> None:
        self.markers: list[str] = []

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return []

    @hookimpl
    def find_node(self, marker: str) -> Node:
        self.markers.append(marker)
        raise NodeNotFound("none of that marker")


@pytest.mark.anyio
async def test_a_start_is_not_settled_by_the_id_of_an_installation_that_is_no_more(
    postgres_database: Database,
) -> None:
    """A process that waits until the id may change must not use the previous id."""
    database, looked = postgres_database, SearchedCloud()
    cloud = Cloud(
        CloudSettings("sky", "test"), PluginHandle(Hooks(Kind.CLOUD, "Cloud sky", looked))
    )

    def lost(connection: Connection) -> None:
        lost_start(connection)
        installation.hold(connection, "the database was restored from a backup")

    database.write_now(lost)
    with (
        contextmanager(recorder_of)(database) as recorder,
        database.engine.connect() as first,
        first.begin() as confirming,
    ):
        admin.detach_copy(first, WHO)
        (claimed,) = database.write_now(
            lambda c: acquire.acquire_due(c, recorder.process.id, {"sky": None}, 1)
        )
        settling = asyncio.ensure_future(Starter(recorder).resume(claimed, cloud, None))
        await asyncio.to_thread(wait_for, lambda: waits_for_a_row(database), bool)
        installation.confirm(first, "here", new_id=True)
        confirming.commit()
        await settling
    await cloud.close()
    (marker,) = looked.markers
    assert marker.startswith(database.read_now(installation.read).id)
