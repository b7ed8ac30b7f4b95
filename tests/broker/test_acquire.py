"""Acquiring operations: the number that a durable worker takes at once, and their callers."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import Connection, text

from orchestrator_core.broker.operations import acquire, inserts
from orchestrator_core.broker.operations.operation import Draft, Requester
from orchestrator_core.broker.operations.turns import Turns
from orchestrator_core.broker.states import Step
from orchestrator_core.state.database import Database

PROCESS = "p" * 32


def schedule(connection: Connection, cloud: str, count: int, caller: str = "portal") -> None:
    who = Requester(caller, "request")
    for number in range(count):
        draft = Draft("stop_vm", cloud, Step.DESTROY, who, {}, 60.0, str(number))
        inserts.schedule(connection, draft)


@pytest.mark.parametrize("limit", [2, None])
def test_no_more_are_taken_than_there_is_room_for(
    postgres_database: Database, limit: int | None
) -> None:
    """The limit holds although PostgreSQL's planner assumes a small table."""
    postgres_database.write_now(lambda c: schedule(c, "sky", 1))
    plain = postgres_database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with plain.connect() as connection:
        connection.execute(text("ANALYZE operations"))
    postgres_database.write_now(lambda c: schedule(c, "sky", 40))
    taken = postgres_database.write_now(
        lambda c: acquire.acquire_due(c, PROCESS, {"sky": limit}, 4)
    )
    assert len(taken) == (limit or 4)


def test_the_backlog_of_one_cloud_keeps_no_other_waiting(database: Database) -> None:
    clouds = {"busy": None, "limited": 4}
    database.write_now(lambda c: schedule(c, "limited", 1))

    def turn(connection: Connection) -> set[str]:
        schedule(connection, "busy", 16)
        return {one.cloud for one in acquire.acquire_due(connection, PROCESS, clouds, 16)}

    assert any("limited" in database.write_now(turn) for _ in range(40))


def test_what_becomes_due_just_after_it_was_asked_waits_for_the_next_turn(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acquire, "_is_due", lambda *_: False)
    database.write_now(lambda c: schedule(c, "sky", 3))
    assert database.write_now(lambda c: acquire.acquire_due(c, PROCESS, {"sky": 1}, 4)) == []


def test_callers_take_turns(database: Database) -> None:
    database.write_now(lambda c: schedule(c, "sky", 2400, "many"))
    database.write_now(lambda c: schedule(c, "sky", 3, "few"))
    database.write_now(lambda c: schedule(c, "sky", 1, "one"))
    taken = database.write_now(lambda c: acquire.acquire_due(c, PROCESS, {"sky": None}, 8))
    callers = Counter(operation.caller for operation in taken)
    assert callers == {"many": 4, "few": 3, "one": 1}


def test_what_a_caller_has_running_counts(database: Database) -> None:
    database.write_now(lambda c: schedule(c, "sky", 10, "many"))
    database.write_now(lambda c: schedule(c, "sky", 10, "few"))
    turns = Turns({"many": 3})
    taken = database.write_now(lambda c: acquire.acquire_due(c, PROCESS, {"sky": None}, 5, turns))
    assert Counter(operation.caller for operation in taken) == {"few": 4, "many": 1}


def test_one_caller_leaves_slots_to_others(database: Database) -> None:
    database.write_now(lambda c: schedule(c, "sky", 40, "many"))

    def claim(running: int) -> int:
        turns = Turns({"many": running}, most_of_one=14)
        return len(
            database.write_now(
                lambda c: acquire.acquire_due(c, PROCESS, {"sky": None}, 16 - running, turns)
            )
        )

    assert claim(0) == 14
    assert claim(14) == 0


def test_a_caller_s_clouds_take_turns(database: Database) -> None:
    database.write_now(lambda c: schedule(c, "busy", 100))
    database.write_now(lambda c: schedule(c, "idle", 1))
    clouds = {"busy": None, "idle": None}
    taken = database.write_now(lambda c: acquire.acquire_due(c, PROCESS, clouds, 4))
    assert Counter(operation.cloud for operation in taken) == {"busy": 3, "idle": 1}
