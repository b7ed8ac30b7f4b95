"""The database as everything else sees it."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from orchestrator_core.broker import vms
from orchestrator_core.broker.vm import VmKey, VmOrigin
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import vms as rows


def test_all_statements_of_a_read_see_the_same_state(database: Database) -> None:
    def count(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(rows)).scalar_one())

    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        database.write_now(lambda c: vms.note(c, VmKey("sky", "7"), VmOrigin.GIVEN))
        return before, count(connection)

    assert database.read_now(twice) == (0, 0)
    assert database.read_now(count) == 1
