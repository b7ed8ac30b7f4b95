"""PostgreSQL behind PgBouncer: every transaction may run in another session of the server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, select, text
from structlog.testing import capture_logs

from orchestrator_core.broker.process.process import all_processes
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state import installation, postgresql
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests import commands
from tests.databases import MakeUrl
from tests.pooler import pooled
from tests.stateful import settings, stateful

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")

OFTEN = 12
"""More repeats than psycopg needs before it prepares a statement."""


@pytest.fixture
def pooler(postgres: MakeUrl) -> Iterator[str]:
    """Run PgBouncer in front of a database, with its package's defaults in transaction mode."""
    with pooled(postgres()) as url:
        yield url


def limits(connection: Connection) -> list[str]:
    return [str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in LIMITS]


def prepared(url: str) -> int:
    """Return the number of statements that the server's shared sessions have prepared."""
    with psycopg.connect(url.replace("+psycopg", ""), prepare_threshold=None) as connection:
        row = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        assert row is not None
        return int(row[0])


def test_many_transactions_share_few_sessions_of_the_server(pooler: str) -> None:
    """It failed at once with startup parameters, and often with prepared statements."""
    database = Database(pooler, Path())
    assert upgrade(database) == (None, upgrade(database)[1])

    def work(_: int) -> str:
        for _ in range(OFTEN):
            database.read_now(all_processes)
            database.write_now(lambda c: installation.doubt(c, "once"))
        return database.read_now(lambda c: installation.read(c).restored)

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(work, range(6))) == {"once"}
    assert prepared(pooler) == 0
    database.close()


def test_the_limits_of_a_transaction_hold_behind_a_pooler_and_do_not_outlast_it(
    pooler: str,
) -> None:
    database = Database(pooler, Path())
    for _ in range(OFTEN):
        assert database.read_now(limits) == ["30s", "30s", "10s"]
        assert database.write_now(limits) == ["30s", "30s", "10s"]
    with psycopg.connect(pooler.replace("+psycopg", ""), autocommit=True) as other:
        assert [other.execute(f"SHOW {name}").fetchone() for name in LIMITS] == 3 * [("0",)]
    database.close()


def test_a_statement_that_takes_too_long_is_ended(
    pooler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = postgresql._BEGIN.replace("statement_timeout = '30s'", "statement_timeout = '50ms'")
    monkeypatch.setattr(postgresql, "_BEGIN", short)
    database = Database(pooler, Path())
    with capture_logs() as logs, pytest.raises(StateUnavailable):
        database.write_now(lambda c: c.execute(text("SELECT pg_sleep(20)")))
    assert "statement timeout" in str(logs)
    database.close()


def test_a_server_without_a_pooler_prepares_statements_and_has_the_same_limits(
    postgres: MakeUrl,
) -> None:
    database = Database(postgres(), Path())

    def known(connection: Connection) -> int:
        count = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%clock%'"
        return int(connection.execute(text(count)).scalar_one())

    def often(connection: Connection) -> int:
        for _ in range(OFTEN):
            connection.execute(select(now()))
        return known(connection)

    assert database.write_now(limits) == ["30s", "30s", "10s"]
    assert database.write_now(often) > 0
    for _ in range(OFTEN):  # The statements that begin a transaction run as often, and are several.
        database.write_now(lambda c: c.execute(select(now())))
    database.close()


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_server_and_its_durable_worker_run_behind_pgbouncer(
    postgres: MakeUrl, tmp_path: Path, mode: str
) -> None:
    size = 2 if mode == "transaction" else 20
    with (
        pooled(postgres(), mode, size) as url,
        stateful(settings(f'url = "{url}"'), tmp_path) as api,
        ThreadPoolExecutor(4) as threads,
    ):

        def change(number: int) -> list[int]:
            headers = {"Idempotency-Key": f"k{number}"}
            answers = [api.start(**headers) for _ in range(2)]
            node = answers[0].json()["nodes"]["id"]
            answers += [api.assign(node), api.release(node)]
            return [answer.status_code for answer in answers]

        assert list(threads.map(change, range(OFTEN))) == OFTEN * [4 * [200]]
        assert "database failed" not in api.server.log()


def test_an_upgrade_needs_one_session_of_the_server(postgres: MakeUrl) -> None:
    """Two processes that both waited for a second one behind two sessions waited for ever."""
    with pooled(postgres(), size=1) as url:
        database = Database(url, Path())
        assert upgrade(database) == (None, upgrade(database)[1])
        database.close()


def test_a_pooler_that_allows_no_transactions_is_refused(postgres: MakeUrl, tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    with pooled(postgres(), "statement") as url:
        config.write_text(settings(f'url = "{url}"'))
        said = commands.run("db", "upgrade", "--config", str(config))
    assert said.returncode == 1
    assert said.stderr.startswith(
        "orchestrator: the connection pooler before the database allows no transactions; set its "
        "pool_mode to transaction or session"
    )
