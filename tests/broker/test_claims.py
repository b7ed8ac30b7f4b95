"""How many operations a durable worker takes at once, and whose."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from orchestrator_core.broker import claims, recording
from orchestrator_core.broker.operation import Draft, Requester, Step
from orchestrator_core.state.database import Database

WHO = Requester("somebody", "request")
PROCESS = "p" * 32


def schedule(connection: Connection, cloud: str, count: int) -> None:
    for number in range(count):
        draft = Draft("stop_vm", cloud, Step.DESTROY, WHO, {}, 60.0, str(number))
        recording.schedule(connection, draft)


@pytest.mark.parametrize("limit", [2, None])
def test_no_more_are_taken_than_there_is_room_for(
    postgres_database: Database, limit: int | None
) -> None:
    """Whatever PostgreSQL thinks of the table: it was small when it was last looked through."""
    postgres_database.write_now(lambda c: schedule(c, "sky", 1))
    plain = postgres_database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with plain.connect() as connection:
        connection.execute(text("ANALYZE operations"))
    postgres_database.write_now(lambda c: schedule(c, "sky", 40))
    taken = postgres_database.write_now(lambda c: claims.claim_due(c, PROCESS, {"sky": limit}, 4))
    assert len(taken) == (limit or 4)


def test_the_backlog_of_one_cloud_keeps_no_other_waiting(database: Database) -> None:
    clouds = {"busy": None, "limited": 4}
    database.write_now(lambda c: schedule(c, "limited", 1))

    def turn(connection: Connection) -> set[str]:
        schedule(connection, "busy", 16)
        return {one.cloud for one in claims.claim_due(connection, PROCESS, clouds, 16)}

    assert any("limited" in database.write_now(turn) for _ in range(40))


def test_what_becomes_due_just_after_it_was_asked_waits_for_the_next_turn(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_is_due", lambda *_: False)
    database.write_now(lambda c: schedule(c, "sky", 3))
    assert database.write_now(lambda c: claims.claim_due(c, PROCESS, {"sky": 1}, 4)) == []
