"""One scan of a cloud: the owners of its VMs, and what is remembered about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from orchestrator_core import Node
from orchestrator_core.broker.ledger import assignments, lookup, vms
from orchestrator_core.broker.ledger.markers import marker_of
from orchestrator_core.broker.ledger.vm import Claim, VmKey, VmOrigin
from orchestrator_core.broker.operations import inserts, updates
from orchestrator_core.broker.operations.operation import Draft, Requester
from orchestrator_core.broker.orphans import orphans, scan
from orchestrator_core.broker.orphans.reasons import OrphanReason
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import AssignmentState, Step, VmState
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.model import AssignRequest, Vm
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings, OrphanSettings
from orchestrator_core.state import installation, tables
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.uptime import uptime
from tests.broker.conftest import OnlyLists

OURS = "a" * 12
SWEPT = "0" * 32
"""An operation that is older than the retention of its row."""
WHO = Requester("portal", "request")
OTHER = Node("8", "eight")


def started(connection: Connection, cloud: str) -> str:
    draft = Draft("start_vm", cloud, Step.START, WHO, {}, 60.0, "other")
    return inserts.succeeded(connection, draft, {}).id


def of(operation: str) -> Node:
    return Node("7", "seven", marker=marker_of(OURS, operation))


def look(database: Database, cloud: str, *nodes: Node, destroy: bool = False) -> list[str]:
    """Scan a cloud that shows these; return the reasons of the orphans."""
    rule = OrphanSettings(destroy=destroy, times=1, age=0.0)

    def work(connection: Connection) -> list[str]:
        seen = orphans.note(connection, cloud, OURS, nodes)
        scan._apply_rules(connection, CloudSettings(cloud, "test", orphans=rule), seen)
        return [orphan.reason for orphan in seen]

    return database.write_now(work)


def test_an_ignored_orphan_stays_ignored_although_it_is_not_shown_for_once(
    database: Database,
) -> None:
    ours = of(database.write_now(lambda c: started(c, "sky")))
    look(database, "sky", ours, OTHER)
    database.write_now(lambda c: orphans.ignore(c, VmKey("sky", "7"), WHO))
    for shown in ((OTHER,), (Node("7", "seven"), OTHER), (ours, OTHER)):
        look(database, "sky", *shown, destroy=True)
    (orphan,) = database.read_now(orphans.find)
    assert orphan.ignored_by == WHO.caller
    assert not database.read_now(lambda c: updates.find(c, {"kind": "stop_vm"}, 10, None))


def test_that_an_orphan_is_ignored_ends_with_the_vm(database: Database) -> None:
    """Another VM has its id, or it was not seen for long, or it was assigned."""
    ours = of(database.write_now(lambda c: started(c, "sky")))
    other = of(database.write_now(lambda c: started(c, "sky")))

    def ignored() -> bool:
        return any(one.ignored_at is not None for one in database.read_now(orphans.find))

    def ignore() -> None:
        look(database, "sky", ours)
        database.write_now(lambda c: orphans.ignore(c, VmKey("sky", "7"), WHO))

    ignore()
    look(database, "sky", other)
    assert not ignored()
    ignore()
    assert database.write_now(lambda c: orphans.forget_ignored(c, 60.0)) == 0
    long_ago = update(tables.orphans).values(last_seen_at=now() - 61.0)
    database.write_now(lambda c: c.execute(long_ago))
    assert database.write_now(lambda c: orphans.forget_ignored(c, 60.0)) == 1
    ignore()
    database.write_now(lambda c: vms.note(c, VmKey("sky", "7"), VmOrigin.STARTED))
    look(database, "sky", ours)
    assert not ignored()


def test_what_went_in_the_other_cloud_of_an_account_raises_no_doubt(database: Database) -> None:
    """The listing of this cloud was made a little earlier, or is delayed."""

    def live_and_go(connection: Connection) -> None:
        vms.note(connection, VmKey("one", "7"), VmOrigin.STARTED, SWEPT)
        vms.set_state(connection, "one", "7", VmState.GONE)

    database.write_now(live_and_go)
    for cloud in ("one", "two"):
        assert look(database, cloud, of(SWEPT)) == ["gone_before"]
        assert database.read_now(installation.read).held == ""
    assert look(database, "two", of("1" * 32)) == [OrphanReason.UNKNOWN_OPERATION]
    assert database.read_now(installation.read).held != ""


@pytest.mark.parametrize("marked", [False, True])
def test_an_adopted_vm_hides_the_same_one_of_another_cloud_and_no_other(
    database: Database, *, marked: bool
) -> None:
    """Two clouds may be one account, or may number their VMs in the same way."""
    ours = of(database.write_now(lambda c: started(c, "two")))
    database.write_now(lambda c: orphans.adopt(c, VmKey("one", "7"), WHO))
    assert look(database, "two", ours) == []  # No scan has seen yet which one was adopted.
    look(database, "one", ours if marked else Node("7", "seven"))
    assert look(database, "two", ours) == ([] if marked else ["second_of_one"])


def test_an_adopted_orphan_is_known_by_its_marker_at_once(database: Database) -> None:
    ours = of(database.write_now(lambda c: started(c, "one")))
    leaked = of(database.write_now(lambda c: started(c, "two")))
    look(database, "one", ours)
    database.write_now(lambda c: orphans.adopt(c, VmKey("one", "7"), WHO))
    assert look(database, "two", ours) == []
    assert look(database, "two", leaked) == ["second_of_one"]


def test_an_orphan_of_two_sections_is_told_of_where_it_was_started(database: Database) -> None:
    """The sections are one account; the order of their scans does not matter."""
    ours = of(database.write_now(lambda c: failed_start(c, "sky")))
    for cloud in ("blue", "sky", "blue"):
        look(database, cloud, ours, OTHER)
    found = database.read_now(lambda c: orphans.once(c, orphans.find(c)))
    assert [one.cloud for one in found] == ["sky"]
    assert database.read_now(lambda c: orphans.once(c, orphans.find(c, "blue"))) == []
    assert {one.cloud for one in database.read_now(orphans.find)} == {"blue", "sky"}


def test_two_vms_of_one_id_in_two_accounts_are_two_orphans(database: Database) -> None:
    for cloud in ("blue", "sky"):
        look(database, cloud, of(database.write_now(lambda c: failed_start(c, cloud))), OTHER)  # noqa: B023
    found = database.read_now(lambda c: orphans.once(c, orphans.find(c)))
    assert [one.cloud for one in found] == ["blue", "sky"]


def test_an_orphan_that_is_ignored_is_so_in_each_section(database: Database) -> None:
    ours = of(SWEPT)
    for cloud in ("blue", "sky"):
        look(database, cloud, ours, OTHER)
    database.write_now(lambda c: orphans.ignore(c, VmKey("sky", "7"), WHO))
    assert all(one.ignored_by for one in database.read_now(orphans.find))


def failed_start(connection: Connection, cloud: str) -> str:
    draft = Draft("start_vm", cloud, Step.START, WHO, {}, 60.0, "other")
    operation = inserts.succeeded(connection, draft, {}).id
    its = update(tables.operations).where(tables.operations.c.id == operation)
    connection.execute(its.values(state="failed"))
    return operation


def test_a_vm_shown_as_terminated_is_gone_unless_it_is_assigned(database: Database) -> None:
    def work(connection: Connection) -> dict[str, bool]:
        for node_id in ("held", "free", "new"):
            vms.note(connection, VmKey("sky", node_id, node_id), VmOrigin.GIVEN)
        wanted = AssignRequest("sky", Vm(0, "held", "held"), "ann", "app")
        claim = Claim(wanted, "given", WHO, uptime(), AssignmentState.ACTIVE)
        assignments.claim(connection, claim)
        before = scan.clock_of(connection) + 1.0
        vms.note_terminated(connection, "sky", ["held", "free"], before)
        vms.note_terminated(connection, "sky", ["new"], before - 100.0)
        rows = {one: vms.get(connection, "sky", one) for one in ("held", "free", "new")}
        return {one: row is not None for one, row in rows.items()}

    assert database.write_now(work) == {"held": True, "free": False, "new": True}
    assert database.read_now(lambda c: lookup.called(c, "sky", "free")) == []


@pytest.mark.anyio
async def test_a_turn_without_a_due_cloud_only_reads(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds = {name: Cloud(CloudSettings(name, "test"), handle()) for name in ("sky", "sea")}
    registry = Registry([clouds["sky"]], [], None)
    process = Process(database, "worker", 30.0)
    process.start()
    scanner = scan.OrphanScanner(database, registry, 3600.0, process.clock)
    writes = 0
    write = database.write

    async def counted(work: Callable[[Connection], Any]) -> Any:
        nonlocal writes
        writes += 1
        return await write(work)

    monkeypatch.setattr(database, "write", counted)
    await scanner.scan_due()
    assert writes == 2  # one to take the scan, and one to record the result
    for _ in range(3):
        await scanner.scan_due()
    assert writes == 2
    registry.clouds = clouds  # "sea" was never scanned
    await scanner.scan_due()
    assert writes == 4
    due = update(tables.orphan_scans).where(tables.orphan_scans.c.cloud == "sky").values(due_at=0.0)
    database.write_now(lambda c: c.execute(due))
    await scanner.scan_due()
    assert writes == 6
    scans = await database.read(lambda c: c.execute(select(tables.orphan_scans)).all())
    assert {one.cloud: one.nodes for one in scans} == {"sky": 0, "sea": 0}
    for cloud in clouds.values():
        await cloud.close()
    process.stop()


def handle() -> PluginHandle:
    return PluginHandle(Hooks(Kind.CLOUD, "Cloud test", OnlyLists([[]] * 10)))
