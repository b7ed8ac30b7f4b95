"""The database through its public interface."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Connection, func, select, text

from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.vm import VmKey, VmOrigin
from orchestrator_core.broker.operations import acquire, inserts
from orchestrator_core.broker.operations.operation import Draft, Requester
from orchestrator_core.broker.states import Step
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import vms as rows
from tests.databases import waits_for_a_row
from tests.stateful import wait_for


def test_all_statements_of_a_read_see_the_same_state(database: Database) -> None:
    def count(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(rows)).scalar_one())

    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        database.write_now(lambda c: vms.note(c, VmKey("sky", "7"), VmOrigin.GIVEN))
        return before, count(connection)

    assert database.read_now(twice) == (0, 0)
    assert database.read_now(count) == 1


def test_a_limit_holds_whatever_isolation_an_administrator_has_made_the_default(
    postgres_database: Database,
) -> None:
    name, url = postgres_database.url.database, postgres_database.url
    default = text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    postgres_database.write_now(lambda c: c.execute(default).close())
    other = Database(url.render_as_string(hide_password=False), Path())
    with other.engine.connect() as first, first.begin() as transaction:
        assert begin_the_only_one(first)
        with ThreadPoolExecutor(1) as thread:
            second = thread.submit(other.write_now, begin_the_only_one)
            wait_for(lambda: waits_for_a_row(postgres_database), bool)
            transaction.commit()
            assert not second.result()
    other.close()


def begin_the_only_one(connection: Connection) -> bool:
    """Return whether it has begun, under a limit of one."""
    if acquire.room(connection, "sky", 1) == 0:
        return False
    draft = Draft("start_vm", "sky", Step.START, Requester("ada", "request"), {}, 60.0)
    inserts.record(connection, draft, "p" * 32)
    return True
