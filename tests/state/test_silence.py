"""A PostgreSQL server that falls silent, as if its machine had lost power."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state.database import Database
from orchestrator_core.state.engines import make_engine
from orchestrator_core.state.writers import Writer
from tests.databases import MakeUrl
from tests.proxy import Proxy, proxied
from tests.storm import wait_until

PATIENCE = 10.0

Way = Literal["read", "write"]
WAYS: tuple[Way, ...] = ("read", "write")


@dataclass
class Far:
    """A database behind a proxy, and the same one without."""

    database: Database
    proxy: Proxy
    near: Database
    threads: ThreadPoolExecutor

    def use(self, way: Way) -> int:
        return self.database.read_now(one) if way == "read" else self.database.write_now(one)

    def numbers(self) -> list[int]:
        return self.near.read_now(lambda c: list(c.scalars(text("SELECT number FROM numbers"))))


def one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


def add(connection: Connection) -> None:
    connection.execute(text("INSERT INTO numbers VALUES (1)"))


@pytest.fixture
def far(postgres: MakeUrl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    monkeypatch.setattr("orchestrator_core.state.postgresql._ANSWER_SECONDS", 0.5)
    url = postgres()
    near = Database(url, Path())
    near.write_now(lambda c: c.execute(text("CREATE TABLE numbers (number INTEGER)")).close())
    with ThreadPoolExecutor() as threads:
        with proxied(url) as (proxy, through):
            database = Database(through.render_as_string(hide_password=False), Path())
            yield Far(database, proxy, near, threads)
        database.close()
    near.close()


@pytest.mark.parametrize("way", WAYS)
def test_who_waits_for_a_server_that_fell_silent_is_told_so(far: Far, way: Way) -> None:
    assert far.use(way) == 1
    far.proxy.lose()
    with pytest.raises(StateUnavailable):
        far.threads.submit(far.use, way).result(PATIENCE)
    assert far.use(way) == 1, "the next connection is a new one"


def test_what_was_idle_meanwhile_is_made_anew_without_waiting_for_it(far: Far) -> None:
    with far.database.engine.connect(), far.database.engine.connect():
        pass
    far.proxy.lose()
    with pytest.raises(StateUnavailable):
        far.threads.submit(far.use, "write").result(PATIENCE)
    assert [far.use("write") for _ in range(4)] == [1, 1, 1, 1]


def test_a_work_that_gets_no_answer_is_not_run_again(far: Far) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> None:
        runs.append(1)
        add(connection)
        far.proxy.lose()
        one(connection)

    with pytest.raises(StateUnavailable):
        far.threads.submit(far.database.write_now, work).result(PATIENCE)
    assert runs == [1]
    assert far.numbers() == []


def test_a_commit_that_gets_no_answer_is_told(far: Far) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> None:
        runs.append(1)
        add(connection)
        far.proxy.lose()

    with pytest.raises(StateUnavailable):
        far.threads.submit(far.database.write_now, work).result(PATIENCE)
    assert runs == [1]


def test_all_that_share_a_transaction_without_an_answer_are_told_at_once(far: Far) -> None:
    """Running each work alone would wait as long again for each."""
    begun, let_go = Event(), Event()

    def held(connection: Connection) -> None:
        begun.set()
        assert let_go.wait(PATIENCE)
        add(connection)

    engine = make_engine(far.database.url, 1)
    writer = Writer(engine, 1)
    waiting = [writer.submit_from_thread(held)]
    assert begun.wait(PATIENCE)
    waiting += [writer.submit_from_thread(add) for _ in range(3)]
    waiting.append(writer.submit_from_thread(lambda connection: lose_and_add(far, connection)))
    connections = far.proxy.connections
    let_go.set()
    for each in waiting:
        with pytest.raises(OperationalError, match="No answer"):
            each.result(PATIENCE)
    assert far.proxy.connections == connections
    writer.close()
    engine.dispose()
    assert far.numbers() == []


def lose_and_add(far: Far, connection: Connection) -> None:
    far.proxy.lose()
    add(connection)


def test_the_end_does_not_wait_for_a_silent_server(far: Far) -> None:
    begun = Event()

    def work(connection: Connection) -> None:
        far.proxy.lose()
        begun.set()
        one(connection)

    with far.database.engine.connect(), far.database.engine.connect():
        pass  # one more connection that is silent, and idle
    waiting = far.threads.submit(far.database.write_now, work)
    assert begun.wait(PATIENCE)
    far.threads.submit(far.database.close).result(PATIENCE)
    with pytest.raises(StateUnavailable):
        waiting.result(PATIENCE)


def test_the_kernel_looks_for_a_lost_machine_within_half_a_minute(far: Far) -> None:
    with far.database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        with socket.socket(fileno=os.dup(raw.fileno())) as opened:

            def option(level: int, name: int) -> int:
                return opened.getsockopt(level, name)

            tcp = socket.IPPROTO_TCP
            idle = option(tcp, socket.TCP_KEEPIDLE)
            probes = option(tcp, socket.TCP_KEEPINTVL) * option(tcp, socket.TCP_KEEPCNT)
            assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert idle + probes == 30
            assert option(tcp, socket.TCP_USER_TIMEOUT) == 30_000


@pytest.mark.parametrize("way", WAYS)
def test_no_caller_waits_for_an_attempt_while_the_outage_is_known(
    far: Far, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_core.state.postgresql._LONG_SECONDS", 0.0)
    monkeypatch.setattr("orchestrator_core.state.postgresql._SHUT_SECONDS", 0.05)
    far.proxy.refuse()
    with pytest.raises(StateUnavailable):
        far.use(way)
    far.proxy.resume()
    far.proxy.hold(far.proxy.to_client)  # An attempt takes ten seconds from now on.
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(StateUnavailable):
            far.use(way)
        assert time.monotonic() - began < 1.0
        time.sleep(0.06)
    far.proxy.resume()
    wait_until(lambda: works(far, way), PATIENCE)


def works(far: Far, way: Way) -> bool:
    try:
        return far.use(way) == 1
    except StateUnavailable:
        return False


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Database, Proxy]]:
    """Open a database of which every connection fails."""
    monkeypatch.setattr("orchestrator_core.state.postgresql._SHUT_SECONDS", 3600.0)
    proxy = Proxy(None)
    database = Database(f"postgresql://user@127.0.0.1:{proxy.port}/x", Path())
    yield database, proxy
    database.close()
    proxy.close()


def attempts(database: Database, proxy: Proxy) -> int:
    """Return the number of connection attempts in ten reads and writes after the first."""
    with pytest.raises(StateUnavailable):
        database.write_now(one)
    before = proxy.connections
    for use in (database.write_now, database.read_now) * 5:
        with pytest.raises(StateUnavailable):
            use(one)
    return proxy.connections - before


def test_all_that_wait_share_the_failure_of_a_connection_that_took_long(
    unreachable: tuple[Database, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_core.state.postgresql._LONG_SECONDS", 0.0)
    assert attempts(*unreachable) == 0


def test_a_connection_that_was_refused_at_once_is_tried_again(
    unreachable: tuple[Database, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_core.state.postgresql._LONG_SECONDS", 60.0)
    assert attempts(*unreachable) >= 10
