"""Expiry of leases: the durable worker takes the VM back, unless the holder acts first."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, insert, select, text

from orchestrator_core.broker.ledger import leases
from orchestrator_core.errors import Refused
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import assignments, vms
from orchestrator_core.state.upgrade import upgrade
from tests import loopback
from tests.conftest import Serve
from tests.databases import MakeUrl, waits_for_a_row
from tests.stateful import Api, Json, leases_end, settings, wait_for

VMS = 24


@pytest.fixture
def serve_leases(serve: Serve, tmp_path: Path, database_url: str) -> Iterator[Callable[..., Api]]:
    """Return a function that serves one more server with a durable worker."""
    apis: list[Api] = []

    def start(workers: int = 1) -> Api:
        cloud = f'store = "file:{tmp_path}/cloud.db"'
        state = f'url = "{database_url}"\nretry_delay = 0.1\nmax_retry_delay = 0.5\n'
        state += "orphan_scan_interval = 86400"
        server = serve(settings(state, cloud), workers=workers)
        server.wait_for_log("durable worker ready")
        apis.append(Api(server))
        return apis[-1]

    yield start
    for api in apis:
        api.http.close()


def ended(api: Api, assignment: str) -> Json:
    """Return an assignment, once it has ended."""
    shown: Json = wait_for(lambda: api.assignment(assignment), lambda one: one["ended_at"])
    return shown


def on_lease(api: Api, count: int, lease: str = "1h") -> dict[str, str]:
    """Start and assign this many VMs; return their assignments by node."""
    nodes = [api.started() for _ in range(count)]
    return {node: api.assign(node, lease=lease).json()["assignment"] for node in nodes}


def together(work: Callable[[str], httpx2.Response], nodes: list[str]) -> list[httpx2.Response]:
    """Call a function for all nodes at the same time."""
    with ThreadPoolExecutor(len(nodes)) as threads:
        return list(threads.map(work, nodes))


def waiter(api: Api, held: dict[str, str], earliest: float, latest: float) -> Callable[[str], None]:
    """Return a function that waits for a node's turn; the turns spread around the leases' end."""
    nodes = list(held)
    shown = api.assignment(held[nodes[0]])
    ends_at = datetime.fromisoformat(shown["lease_expires_at"]).timestamp()
    step = (latest - earliest) / len(nodes)

    def wait(node: str) -> None:
        turn = ends_at + earliest + step * nodes.index(node)
        time.sleep(max(0.0, turn - time.time()))

    return wait


def outside_the_race(database_url: str, held: dict[str, str]) -> tuple[str, str]:
    """Move two nodes out of the race: one lease ends much later, one now."""
    in_time, late = list(held)[1], list(held)[-1]
    leases_end(database_url, in_time, after=60.0)
    leases_end(database_url, late)
    return in_time, late


def test_a_lease_that_is_not_renewed_ends_with_the_vm(serve_leases: Callable[..., Api]) -> None:
    api = serve_leases()
    ((node, assignment),) = on_lease(api, 1, "1s").items()
    ((kept, other),) = on_lease(api, 1, "1s").items()
    assert api.renew(kept).status_code == 200
    shown = ended(api, assignment)
    assert shown["end_reason"] == "expired"
    told = [(event["state"], event["reason"], event["caller"]) for event in shown["history"]]
    assert told == [
        ("active", None, "anonymous"),
        ("releasing", "expired", "orchestrator"),
        ("ended", "expired", None),
    ]
    assert shown["lease_expires_at"] <= shown["history"][1]["at"]
    (operation,) = api.operations(node=node, kind="release_vm")
    assert (operation["caller"], operation["request_id"]) == ("orchestrator", "lease")
    assert operation["parameters"]["cause"] == "lease"
    assert api.settled(operation["id"])["result"] == {
        "node": {"id": node, "cloud": "fake_driver"},
        "result": f"Node {node} released and deleted",
        "deletion": "done",
    }
    assert api.nodes() == ["1", "2", kept]
    assert api.assignment(other)["state"] == "active"


def test_renewing_in_time_wins_and_renewing_late_loses(
    serve_leases: Callable[..., Api], database_url: str
) -> None:
    """Two workers, and for each VM a holder who renews around the end of the lease."""
    one, two = serve_leases(workers=2), serve_leases()
    held = on_lease(one, VMS)
    leases_end(database_url, after=1.0)
    wait_until = waiter(one, held, earliest=-0.3, latest=0.1)
    in_time, late = outside_the_race(database_url, held)

    def renew(node: str) -> httpx2.Response:
        wait_until(node)
        url = (one if int(node) % 2 else two).server.url
        body = {"node": node, "lease": "1h"}
        return loopback.put(f"{url}/api/v1/vm/action/renew", json=body, timeout=30)

    answers = dict(zip(held, together(renew, list(held)), strict=True))
    kept = {node for node, answer in answers.items() if answer.status_code == 200}
    lost = set(held) - kept
    for node in lost:
        assert answers[node].status_code == 400, answers[node].text
        assert ended(one, held[node])["end_reason"] == "expired"
        (operation,) = one.operations(node=node, kind="release_vm")
        assert one.settled(operation["id"])["result"]["deletion"] == "done"
    for node in kept:
        shown = one.assignment(held[node])
        assert (shown["state"], shown["end_reason"]) == ("active", None)
        assert one.operations(node=node, kind="release_vm") == []
    assert set(one.nodes()) == {"1", "2", *kept}
    assert in_time in kept
    assert late in lost


def test_a_release_and_the_end_of_the_lease_make_one_release(
    serve_leases: Callable[..., Api], database_url: str
) -> None:
    one, two = serve_leases(workers=2), serve_leases()
    held = on_lease(one, VMS)
    leases_end(database_url, after=1.0)
    wait_until = waiter(one, held, earliest=-0.3, latest=0.7)
    in_time, late = outside_the_race(database_url, held)

    def release(node: str) -> httpx2.Response:
        wait_until(node)
        url = (one if int(node) % 2 else two).server.url
        return loopback.put(f"{url}/api/v1/vm/action/release", json={"node": node}, timeout=30)

    answers = dict(zip(held, together(release, list(held)), strict=True))
    for node, answer in answers.items():
        (operation,) = one.operations(node=node, kind="release_vm")
        assert one.settled(operation["id"])["state"] == "succeeded"
        reason = ended(one, held[node])["end_reason"]
        assert reason == ("released" if answer.status_code == 200 else "expired")
        assert (operation["caller"] == "orchestrator") == (reason == "expired")
    assert one.nodes() == ["1", "2"]
    assert answers[in_time].status_code == 200, answers[in_time].text
    assert answers[late].status_code == 400, answers[late].text


def test_many_leases_that_end_at_once_are_shared_by_the_workers(
    serve_leases: Callable[..., Api], database_url: str
) -> None:
    one, two = serve_leases(), serve_leases()
    held = on_lease(one, 2 * VMS)
    leases_end(database_url)
    for assignment in held.values():
        states = [event["state"] for event in ended(two, assignment)["history"]]
        assert states == ["active", "releasing", "ended"]
    wait_for(one.nodes, lambda nodes: nodes == ["1", "2"])
    assert len(one.operations(kind="release_vm", limit="999")) == len(held)


def test_a_stop_ends_the_lease_as_well(serve_leases: Callable[..., Api], database_url: str) -> None:
    api = serve_leases()
    ((node, assignment),) = on_lease(api, 1).items()
    assert api.stop(node).status_code == 200
    assert ended(api, assignment)["end_reason"] == "stopped"
    leases_end(database_url)
    assert api.renew(node).status_code == 400
    (operation,) = api.operations(node=node, kind="stop_vm")
    api.settled(operation["id"])
    assert api.operations(node=node, kind="release_vm") == []


@pytest.fixture
def open_database(postgres_database: Database) -> Database:
    """Open a database with one VM whose lease soon ends."""
    with postgres_database.engine.begin() as connection:
        connection.execute(insert(vms), _vm(1))
        soon = now() + 0.3
        connection.execute(insert(assignments).values(**_held(1), lease_expires_at=soon))
    return postgres_database


def test_a_renewal_that_is_just_being_written_is_waited_for(open_database: Database) -> None:
    with open_database.engine.connect() as first, first.begin() as renewing:
        leases.renew(first, "fake_driver", "1", 60.0, None)
        wait_for(lambda: open_database.read_now(leases.any_expired), bool)
        with ThreadPoolExecutor(1) as thread:
            taking = thread.submit(open_database.write_now, lambda c: leases.expire_leases(c, 10))
            wait_for(lambda: waits_for_a_row(open_database), bool)
            renewing.commit()
            assert taking.result() == []
    assert open_database.read_now(_state) == ("active", "present")


def test_what_one_worker_takes_back_is_left_to_it(open_database: Database) -> None:
    wait_for(lambda: open_database.read_now(leases.any_expired), bool)
    with open_database.engine.connect() as first, first.begin() as taking:
        assert len(leases.expire_leases(first, 10)) == 1
        # Neither of them waits: the first has not committed yet.
        assert open_database.write_now(lambda c: leases.expire_leases(c, 10)) == []
        with pytest.raises(Refused, match="has expired"):
            open_database.write_now(lambda c: leases.renew(c, "fake_driver", "1", 60.0, None))
        taking.commit()
    assert open_database.read_now(_state) == ("releasing", "releasing")


def _state(connection: Connection) -> tuple[str, str]:
    held = connection.execute(select(assignments.c.state)).scalar_one()
    return held, connection.execute(select(vms.c.state)).scalar_one()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_look_for_leases_does_not_go_through_all_that_is_held(
    kind: str, request: pytest.FixtureRequest
) -> None:
    make: MakeUrl = request.getfixturevalue(kind)
    database = Database(make(), Path())
    upgrade(database)
    compiled = leases._EXPIRED_LEASES.params(most=1).compile(
        dialect=database.engine.dialect, compile_kwargs={"literal_binds": True}
    )
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.engine.begin() as connection:
        connection.execute(insert(vms), [_vm(number) for number in range(2000)])
        connection.execute(insert(assignments), [_held(number) for number in range(2000)])
        connection.execute(text("ANALYZE"))
        plan = connection.execute(text(f"{explain} {compiled}")).all()
    assert not database.read_now(leases.any_expired)
    database.close()
    told = "\n".join(str(row) for row in plan)
    assert "ix_assignments_ended_at_lease_expires_at" in told, told
    assert re.search(r"Index Cond: .*lease_expires_at <=|AND lease_expires_at<\?", told), told


def _vm(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "cloud": "fake_driver",
        "node_id": str(number),
        "origin": "started",
        "state": "present",
        "protected": False,
        "generation": 1,
        "created_at": 1.0,
    }


def _held(number: int) -> dict[str, Any]:
    return {
        "id": f"{number:032}",
        "vm_id": number,
        "cloud": "fake_driver",
        "node_id": str(number),
        "user": "u",
        "vm_type": "app",
        "caller": "c",
        "backend": "given",
        "generation": 1,
        "state": "active",
        "created_at": 1.0,
    }
