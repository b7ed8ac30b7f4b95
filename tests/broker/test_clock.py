"""Jumps of the database's clock: VMs keep their holders until an operator has confirmed the clock.

The test moves the clock itself, on either database; the processes' own clock is unchanged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update
from structlog.testing import capture_logs

from orchestrator_core.broker.ledger import leases
from orchestrator_core.broker.operations import acquire, inserts, keys
from orchestrator_core.broker.operations.operation import Draft, KeyUse, Requester
from orchestrator_core.broker.process.process import Process
from orchestrator_core.broker.states import Step
from orchestrator_core.errors import Refused
from orchestrator_core.refusals import ClockInDoubt
from orchestrator_core.state import clock_hold, clock_watch, engines
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import assignments, clock_anchors, processes, vms
from orchestrator_core.state.upgrade import upgrade
from orchestrator_core.uptime import uptime
from tests import commands
from tests.conftest import running
from tests.databases import MakeUrl
from tests.stateful import Api, settings, wait_for

HOUR = 3600.0
LEASE = 30.0

SHIFTED = """
    CREATE TABLE shift (seconds double precision NOT NULL);
    INSERT INTO shift VALUES (0);
    CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT pg_catalog.clock_timestamp() + (SELECT seconds FROM public.shift) * interval '1 s'
    $$;
"""
"""PostgreSQL's clock with a table that moves it; it shadows the function of the catalog."""


class Moved:
    """A database whose clock a test moves."""

    def __init__(self, database: Database, move: Callable[[float], None]) -> None:
        self.database = database
        self.move = move

    def do(self, work: Callable[[Connection], Any]) -> Any:
        return self.database.write_now(work)


def shift_postgresql(url: str) -> Callable[[float], None]:
    """Give a PostgreSQL database a clock that can be moved."""
    plain = Database(url, Path())
    name = plain.url.database
    search = f"ALTER DATABASE {name} SET search_path = public, pg_catalog"
    plain.write_now(lambda c: (c.exec_driver_sql(SHIFTED), c.execute(text(search))))

    def move(seconds: float) -> None:
        moved = text("UPDATE public.shift SET seconds = :seconds")
        plain.write_now(lambda c: c.execute(moved, {"seconds": seconds}))

    return move


@pytest.fixture(params=["sqlite", "postgresql"])
def moved(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moved]:
    if request.param == "postgresql":
        make: MakeUrl = request.getfixturevalue("postgres")
        url = make()
        move = shift_postgresql(url)
    else:
        url = request.getfixturevalue("sqlite")()
        shift = [0.0]
        move = lambda seconds: shift.__setitem__(0, seconds)  # noqa: E731
        prepare = engines._prepare_sqlite

        def julian(word: str) -> float:
            with closing(sqlite3.connect(":memory:")) as real:
                (found,) = real.execute("SELECT julianday(?)", (word,)).fetchone()
            return float(found) + shift[0] / 86_400

        def connect(connection: sqlite3.Connection, record: Any) -> None:
            prepare(connection, record)
            connection.create_function("julianday", 1, julian)

        monkeypatch.setattr(engines, "_prepare_sqlite", connect)
    database = Database(url, Path())
    upgrade(database)
    yield Moved(database, move)
    database.close()


def watching(moved: Moved, kind: str = "worker", jump: float = 300.0) -> Process:
    """Run a process whose heartbeats the test makes itself."""
    process = Process(moved.database, kind, LEASE, jump)
    process._beat(process._enter)
    process._beat(process._stay)
    return process


def beat(process: Process) -> None:
    process._beat(process._stay)


def doubt(moved: Moved) -> str:
    return str(moved.do(clock_hold.read).reason)


def is_trusted(moved: Moved, process: Process) -> bool:
    try:
        moved.do(process.clock.check)
    except ClockInDoubt:
        return False
    return True


@pytest.mark.parametrize("seconds", [0.0, 100.0, -100.0, 290.0, -290.0])
def test_small_jumps_are_tolerated_however_many_there_are(moved: Moved, seconds: float) -> None:
    process = watching(moved)
    for number in range(1, 6):
        moved.move(number * seconds)
        assert is_trusted(moved, process)
        beat(process)
    assert doubt(moved) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(HOUR, "forward by 3600 s"), (-HOUR, "back by 3600 s")]
)
def test_a_large_jump_is_told_and_held_before_the_next_heartbeat(
    moved: Moved, seconds: float, words: str
) -> None:
    process = watching(moved)
    moved.move(seconds)
    assert not is_trusted(moved, process)
    with capture_logs() as logs:
        beat(process)
        beat(process)
    assert words in doubt(moved)
    events = [one["event"] for one in logs if one["log_level"] == "error"]
    assert events == [
        "the database's clock has jumped",
        "leases and durable work held",
    ]
    assert not is_trusted(moved, process)


def test_the_clock_is_trusted_again_when_it_is_back(moved: Moved) -> None:
    process, other = watching(moved), watching(moved, "web")
    moved.move(HOUR)
    beat(process)
    beat(other)
    assert doubt(moved)
    moved.move(2.0)
    beat(other)
    beat(process)
    assert doubt(moved) == ""
    assert is_trusted(moved, process)
    assert is_trusted(moved, other)


def test_an_operator_s_word_ends_it(moved: Moved) -> None:
    process = watching(moved)
    moved.move(HOUR)
    beat(process)
    assert "forward" in moved.do(clock_hold.confirm)
    assert moved.do(clock_hold.confirm) == ""
    beat(process)
    assert doubt(moved) == ""
    assert is_trusted(moved, process)


def test_a_process_that_starts_right_after_the_jump_notices_it(moved: Moved) -> None:
    """It compares with the reading of another process of its machine, even one that has ended."""
    watching(moved).stop()
    moved.move(HOUR)
    late = Process(moved.database, "worker", LEASE)
    late._beat(late._enter)
    assert "forward by 3600 s" in doubt(moved)
    assert not is_trusted(moved, late)


def test_after_a_boot_the_clock_is_believed(moved: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was off for a week has nothing to compare with, so that leases expire."""
    watching(moved).stop()
    monkeypatch.setattr(clock_watch, "machine", lambda: "another boot")
    moved.move(7 * 24 * HOUR)
    process = watching(moved)
    assert doubt(moved) == ""
    assert not is_trusted(moved, process)  # Other machines may report another time later.
    process.clock._trusted_from = 0.0
    assert is_trusted(moved, process)


def test_a_machine_that_comes_after_the_jump_cannot_say_that_the_clock_is_right(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = watching(moved)
    moved.move(HOUR)
    monkeypatch.setattr(clock_watch, "machine", lambda: "another machine")
    late = watching(moved)
    beat(process)
    beat(late)
    beat(late)
    assert "forward" in doubt(moved)


def test_a_machine_that_was_paused_is_overruled_by_one_that_was_not(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]
    monkeypatch.setattr(clock_watch, "uptime", lambda: uptime() + passed[0])
    paused = watching(moved)
    monkeypatch.setattr(clock_watch, "machine", lambda: "another machine")
    awake = watching(moved)
    passed[0] = 60.0  # for both machines, and for the database
    moved.move(60.0)
    beat(awake)
    beat(paused)
    moved.move(60.0 + HOUR)  # An hour passes, in which the first machine is suspended.
    beat(paused)
    assert "forward" in doubt(moved)
    passed[0] = 60.0 + HOUR
    beat(awake)
    assert doubt(moved) == ""
    passed[0] = 60.0
    beat(paused)
    assert doubt(moved) == ""


def hold_a_vm(connection: Connection, expires_in: float) -> None:
    row = {"cloud": "sky", "node_id": "1", "origin": "given", "state": "present"}
    number = connection.execute(
        insert(vms)
        .values(**row, generation=1, protected=False, created_at=now())
        .returning(vms.c.id)
    ).scalar_one()
    connection.execute(
        insert(assignments).values(
            id="1" * 32,
            vm_id=number,
            cloud="sky",
            node_id="1",
            user="ann",
            vm_type="app",
            caller="c",
            backend="given",
            generation=1,
            state="active",
            created_at=now(),
            lease_expires_at=now() + expires_in,
        )
    )


def test_a_holder_can_renew_while_the_clock_is_in_doubt(moved: Moved) -> None:
    process = watching(moved)
    moved.do(lambda c: hold_a_vm(c, HOUR))
    moved.move(2 * HOUR)
    renew = lambda c: leases.renew(c, "sky", "1", HOUR, None)  # noqa: E731
    beat(process)
    assert moved.do(renew).node_id == "1"
    moved.do(clock_hold.confirm)
    moved.move(4 * HOUR)
    with pytest.raises(Refused, match="has expired"):
        moved.do(renew)


def test_an_idempotency_key_is_kept_while_the_clock_is_in_doubt(moved: Moved) -> None:
    process = watching(moved)
    use = KeyUse("POST", "/p", "k", "d", 60.0)
    who = Requester("c", "r", use)
    draft = Draft("start_vm", "sky", Step.START, who, {}, 60.0)
    moved.do(lambda c: inserts.schedule(c, draft))
    moved.move(HOUR)
    beat(process)
    assert moved.do(keys.forget_old) == 0
    assert moved.do(lambda c: keys.find(c, who)) is not None
    moved.do(clock_hold.confirm)
    assert moved.do(lambda c: keys.find(c, who)) is None


def test_a_dead_process_does_not_live_longer_because_the_clock_was_set_back(moved: Moved) -> None:
    dead, process = watching(moved), watching(moved)
    moved.move(-HOUR)
    beat(process)

    def seen(connection: Connection) -> float:
        silent = now() - processes.c.seen_at
        found: float = connection.execute(
            select(silent).where(processes.c.id == dead.id)
        ).scalar_one()
        return found

    assert -1.0 <= moved.do(seen) < LEASE


@pytest.mark.parametrize("seconds", [60.0, HOUR])
def test_living_processes_are_not_taken_for_dead_after_a_jump(moved: Moved, seconds: float) -> None:
    process, other = watching(moved), watching(moved)
    moved.move(seconds)
    is_trusted(moved, process)  # A worker checks this before it takes over an operation.
    assert not process.clock.is_steady()
    beat(other)
    beat(process)
    assert not process.clock.is_steady()


def test_what_was_due_later_is_due_at_once_after_a_jump_back_is_confirmed(moved: Moved) -> None:
    process = watching(moved)
    draft = Draft("stop_vm", "sky", Step.DESTROY, Requester("c", "r"), {}, 60.0, "1")
    moved.do(lambda c: inserts.schedule(c, draft))
    moved.move(-HOUR)
    beat(process)
    assert not moved.do(lambda c: acquire.anything_due(c, LEASE))
    moved.do(clock_hold.confirm)
    assert moved.do(lambda c: acquire.anything_due(c, LEASE))


def test_what_machines_have_read_is_forgotten_in_the_end(moved: Moved) -> None:
    watching(moved)
    moved.do(lambda c: c.execute(update(clock_anchors).values(at=now() - HOUR)))
    assert moved.do(lambda c: clock_hold.forget_anchors(c, 60.0)) == 1


def orchestrator(folder: Path, *arguments: str) -> str:
    done = commands.run(*arguments, "--config", str(folder / "orchestrator.toml"))
    done.check_returncode()
    return done.stdout


def test_a_lease_that_ends_by_a_jump_is_held_for_an_operator(
    postgres: MakeUrl, tmp_path: Path
) -> None:
    """A real server, a durable worker and a PostgreSQL whose clock jumps by an hour."""
    url = postgres()
    move = shift_postgresql(url)
    with running(
        settings(f'url = "{url}"\nprocess_timeout = 2\nretry_delay = 0.1'), tmp_path
    ) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        node = api.started()
        assert api.assign(node, lease="30m").status_code == 200
        move(HOUR)
        wait_for(lambda: api.processes()["clock_in_doubt"], bool)
        server.wait_for_log("leases and durable work held")
        assert node in api.nodes()
        told = orchestrator(tmp_path, "db", "clock")
        assert "It is in doubt: it went forward by 3600 s" in told
        assert f"expired: node {node} of fake_driver, assigned to u" in told
        assert "no lease expires" in orchestrator(tmp_path, "db", "check")
        assert api.assignments(node=node)[0]["state"] == "active"
        assert "Confirmed" in orchestrator(tmp_path, "db", "clock", "--confirm")
        wait_for(api.nodes, lambda nodes: node not in nodes)
        assert api.processes()["clock_in_doubt"] is None
        api.http.close()


def test_a_renewed_lease_goes_on_when_the_clock_is_confirmed(
    postgres: MakeUrl, tmp_path: Path
) -> None:
    url = postgres()
    move = shift_postgresql(url)
    with running(
        settings(f'url = "{url}"\nprocess_timeout = 2\nretry_delay = 0.1'), tmp_path
    ) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        kept, back = api.started(), api.started()
        for node in (kept, back):
            assert api.assign(node, lease="30m").status_code == 200
        move(HOUR)
        wait_for(lambda: api.processes()["clock_in_doubt"], bool)
        assert api.renew(kept, "1h").status_code == 200
        orchestrator(tmp_path, "db", "clock", "--confirm")
        wait_for(api.nodes, lambda nodes: back not in nodes)
        assert kept in api.nodes()
        api.http.close()
