"""Every failure of a PostgreSQL server in turn, while the processes of the server are killed.

While the database is away, a compliant client (tests/compliant_clients.py) may get 503
``state_unavailable`` and repeats the request. In the end no start is lost or doubled, and every
operation has ended.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg
import pytest
from sqlalchemy import func, make_url, select

from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, vms
from tests.compliant_clients import CompliantClient, Tally
from tests.conftest import Server, running
from tests.databases import postgres_server, sqlalchemy_url
from tests.pooler import Pooler, pooler
from tests.proxy import Proxy
from tests.stateful import Api, settings
from tests.storm import Storm, check_healthy, wait_until

SECONDS: Final = 600.0
GRACE: Final = 15.0
"""Seconds after an outage in which a request may still fail."""
SILENCE: Final = 50.0
"""The same after a silence: an answer is waited for 45 s."""

MOST_CONNECTIONS: Final = 40
CLIENTS: Final = 6


class Cluster:
    """A PostgreSQL server, its one database, and a role that is no superuser.

    Args:
        server: the wheel's server.
    """

    def __init__(self, server: object) -> None:
        self._server = server
        self.uri: str = server.get_uri()  # type: ignore[attr-defined]
        self.sql(f"ALTER SYSTEM SET max_connections = {MOST_CONNECTIONS}")
        self.sql("CREATE ROLE app LOGIN", "CREATE ROLE greedy LOGIN")
        self.sql("CREATE DATABASE storm OWNER app")
        self.restart("fast")

    def sql(self, *statements: str, database: str = "postgres") -> None:
        uri = self.uri.replace("/postgres?", f"/{database}?")
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            for statement in statements:
                connection.execute(statement)

    def url(self) -> str:
        """Return the URL of the database, for the role that is no superuser."""
        uri = sqlalchemy_url(self.uri).replace("/postgres?", "/storm?")
        return make_url(uri).set(username="app").render_as_string(hide_password=False)

    def socket(self) -> str:
        direct = make_url(self.url())
        return f"{direct.query['host']}/.s.PGSQL.{direct.port or 5432}"

    def restart(self, mode: str) -> None:
        """Restart it: ``fast`` ends the sessions, ``immediate`` is a crash."""
        data = Path(self._server.pgdata)  # type: ignore[attr-defined]
        binary = self._server.bin_path / "pg_ctl"  # type: ignore[attr-defined]
        command = [binary, "-w", "-m", mode, "-D", data, "-l", data / "log", "restart"]
        user = self._server.system_user  # type: ignore[attr-defined]
        subprocess.run(command, check=True, user=user, stdout=subprocess.DEVNULL, timeout=60)

    def terminate(self) -> None:
        """End every session of our role."""
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
        )


_ONCE: Final = (
    "IF current_setting('storm.slept', true) = pg_current_xact_id()::text THEN RETURN NULL; "
    "END IF; PERFORM set_config('storm.slept', pg_current_xact_id()::text, true);"
)
"""SQL for a trigger that delays a transaction only once, however many rows it writes."""


class Harms:
    """Harms to the database and the way to it; each lasts some seconds.

    Args:
        cluster: the database server.
        proxy: the proxy in front of it.
        bouncer: the PgBouncer, or None.
        luck: the random generator of the durations.
        longest: seconds of the longest silence.
    """

    def __init__(
        self,
        cluster: Cluster,
        proxy: Proxy,
        bouncer: Pooler | None,
        luck: random.Random,
        longest: float,
    ) -> None:
        self._cluster = cluster
        self._proxy = proxy
        self._bouncer = bouncer
        self._luck = luck
        self._longest = longest

    def all(self) -> list[Callable[[], None]]:
        ways = [
            self.terminated,
            self.exhausted,
            self.held_both_ways,
            self.held_to_the_server,
            self.held_to_the_client,
            self.lost,
            self.restarted,
            self.crashed,
            self.read_only,
            self.slow_commits,
            self.lost_commits,
        ]
        if self._bouncer is not None:
            ways += [self.paused, self.pooler_restarted, self.pool_used_up]
        return ways

    def _wait(self, most: float = 3.0) -> None:
        time.sleep(self._luck.uniform(1.0, most))

    def terminated(self) -> None:
        for _ in range(3):
            self._cluster.terminate()
            time.sleep(0.3)

    def exhausted(self) -> None:
        """Take every connection that the server gives to others, until the block ends."""
        with _greedy(self._cluster.url().replace("//app@", "//greedy@")):
            self._cluster.terminate()
            self._wait()

    def pool_used_up(self) -> None:
        assert self._bouncer is not None
        through = f"postgresql://app@127.0.0.1:{self._bouncer.port}/storm"
        with _greedy(through, most=6, begins=True):
            self._wait()

    def held_both_ways(self) -> None:
        self._held(self._proxy.to_server, self._proxy.to_client)

    def held_to_the_server(self) -> None:
        self._held(self._proxy.to_server)

    def held_to_the_client(self) -> None:
        self._held(self._proxy.to_client)

    def _held(self, *ways: threading.Event) -> None:
        self._proxy.hold(*ways)
        time.sleep(self._luck.uniform(2.0, self._longest))
        self._proxy.resume()

    def lost(self) -> None:
        self._proxy.lose()
        self._wait()

    def restarted(self) -> None:
        self._cluster.restart("fast")

    def crashed(self) -> None:
        self._cluster.restart("immediate")

    def read_only(self) -> None:
        self._cluster.sql(
            "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
        )
        try:
            self._wait()
        finally:
            self._cluster.sql(
                "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"
            )

    def slow_commits(self) -> None:
        """Make a commit that writes an operation take longer than 10 s before it shows."""
        with self._slow(min(self._longest, 12.0)):
            self._wait(self._longest)

    def lost_commits(self) -> None:
        """End the sessions in the middle of their commits, some of which succeed."""
        with self._slow(0.5):
            for _ in range(4):
                time.sleep(self._luck.uniform(0.3, 0.6))
                self._cluster.terminate()

    @contextmanager
    def _slow(self, seconds: float) -> Iterator[None]:
        self._cluster.sql(
            "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {_ONCE} PERFORM pg_sleep({seconds:.1f}); RETURN NULL; END $$",
            "CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON operations "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()",
            database="storm",
        )
        try:
            yield
        finally:
            self._cluster.sql("DROP FUNCTION slow CASCADE", database="storm")

    def paused(self) -> None:
        assert self._bouncer is not None
        self._bouncer.pause()
        self._wait()
        self._bouncer.resume()

    def pooler_restarted(self) -> None:
        assert self._bouncer is not None
        self._bouncer.restart()


@contextmanager
def _greedy(url: str, most: int = MOST_CONNECTIONS, *, begins: bool = False) -> Iterator[None]:
    """Hold all available connections, and those that become free."""
    held: list[psycopg.Connection] = []
    over = threading.Event()
    plain = url.replace("postgresql+psycopg:", "postgresql:")

    def take() -> None:
        while not over.is_set() and len(held) < most:
            try:
                held.append(psycopg.connect(plain, connect_timeout=2, prepare_threshold=None))
                if begins:
                    held[-1].execute("SELECT 1")
            except psycopg.Error:
                time.sleep(0.05)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for connection in held:
            with suppress(psycopg.Error):
                connection.close()


class Windows:
    """The times at which the database was away, and until when that may show."""

    def __init__(self) -> None:
        self._windows: list[tuple[float, float]] = []

    @contextmanager
    def opened(self, grace: float) -> Iterator[None]:
        began = time.monotonic()
        self._windows.append((began, float("inf")))
        try:
            yield
        finally:
            self._windows[-1] = (began, time.monotonic() + grace)

    def may_wait(self, began: float) -> bool:
        """Return whether a request that began then may get an answer that the database is away."""
        return any(began < end and first < time.monotonic() for first, end in self._windows)


def run_storm(
    tmp_path: Path, way: str, wanted: list[str] | None, seconds: float, longest: float
) -> None:
    """Apply harms until the time is over, or each of the named ones once."""
    luck, windows, tally = random.Random(3), Windows(), Tally()
    with ExitStack() as stack:
        cluster = Cluster(stack.enter_context(postgres_server()))
        target: str | int = cluster.socket()
        bouncer: Pooler | None = None
        if way == "pgbouncer":
            _, bouncer = stack.enter_context(pooler(cluster.url(), size=6))
            target = bouncer.port
        proxy = Proxy(target)
        stack.callback(proxy.close)
        direct = make_url(cluster.url())
        url = direct.set(host="127.0.0.1", port=proxy.port, query={})
        toml = settings(
            f'url = "{url.render_as_string(hide_password=False)}"\n'
            "retry_delay = 0.1\nmax_retry_delay = 0.5\nprocess_timeout = 5",
            f'store = "file:{tmp_path}/cloud.db"\nvisibility_timeout = 1',
            "[server]\nworkers = 2\ngraceful_timeout = 20",
        )
        server = stack.enter_context(running(toml, tmp_path, workers=2))
        server.wait_for_log("durable worker ready")
        fds = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        storm = Storm(server, luck)
        harms = Harms(cluster, proxy, bouncer, luck, longest)
        with clients(server, tally, windows):
            done = _do(harms, storm, windows, luck, wanted, seconds)
            with windows.opened(0.0):
                wait_until(lambda: _works(server), SILENCE + 30)
        settle(cluster, server, tally)
        figures = check_healthy(server, fds)
    sys.stdout.write(f"\n{way}: {done} harms, {storm.kills} kills, {storm.signals} signals; ")
    sys.stdout.write(f"{tally}\n{figures}\n")
    assert tally.failures == [], "\n".join(tally.failures[:20])
    assert tally.not_started <= storm.kills + tally.waits
    assert tally.started


@contextmanager
def clients(server: Server, tally: Tally, windows: Windows) -> Iterator[None]:
    asking = [
        CompliantClient(
            server.url,
            "fake_driver",
            tally,
            number,
            keeps=bool(number % 2),
            may_wait=windows.may_wait,
        )
        for number in range(CLIENTS)
    ]
    for one in asking:
        one.start()
    try:
        yield
    finally:
        for one in asking:
            one.end()
        for one in asking:
            one.join()


def _do(  # noqa: PLR0913, PLR0917 - the parts of one storm
    harms: Harms,
    storm: Storm,
    windows: Windows,
    luck: random.Random,
    wanted: list[str] | None,
    seconds: float,
) -> int:
    ends_at, done = time.monotonic() + seconds, 0
    while True:
        ways = harms.all()
        luck.shuffle(ways)
        if wanted is not None:
            ways = [way for name in wanted for way in ways if way.__name__ == name]
        for way in ways:
            if time.monotonic() > ends_at:
                return done
            silent = "held" in way.__name__ or "lost" in way.__name__ or "slow" in way.__name__
            with windows.opened(SILENCE if silent else GRACE):
                strike = storm.strike() if luck.random() < 0.7 else "no kill"
                began = time.monotonic()
                way()
            sys.stdout.write(f"{way.__name__}: {time.monotonic() - began:.1f} s, {strike}\n")
            sys.stdout.flush()
            done += 1
            time.sleep(luck.uniform(0.5, 2.0))
        if wanted is not None:
            return done


def _works(server: Server) -> bool:
    api = Api(server, timeout=60)
    try:
        return all(api.http.get("/operations?limit=1").status_code == 200 for _ in range(4))
    finally:
        api.http.close()


def settle(cluster: Cluster, server: Server, tally: Tally) -> None:
    """Check that every operation has ended and that rows, cloud and clients agree."""
    database = Database(cluster.url(), Path())
    try:
        open_ones = select(func.count()).where(operations.c.finished_at.is_(None))
        took = wait_until(
            lambda: database.read_now(lambda c: c.execute(open_ones).scalar_one()) == 0, 120
        )
        sys.stdout.write(f"all settled after {took:.1f} s\n")
        present = select(vms.c.node_id).where(vms.c.gone_at.is_(None))
        rows = set(database.read_now(lambda c: list(c.execute(present).scalars())))
        succeeded = select(operations.c.node_id).where(
            operations.c.kind == "start_vm", operations.c.state == "succeeded"
        )
        starts = database.read_now(lambda c: list(c.execute(succeeded).scalars()))
    finally:
        database.close()
    api = Api(server)
    with api.http:
        nodes = set(api.nodes())
        newest = int(api.started())
    assert nodes - {"1", "2"} == rows - {"1", "2"}
    assert len(set(starts)) == len(starts)
    assert set(tally.started.values()) <= set(starts)
    assert newest - 3 == len(starts), "a VM was started twice, or one is unknown"


SHORT: Final = {
    "direct": ["terminated", "lost_commits"],
    "pgbouncer": ["paused", "pooler_restarted"],
}


@pytest.mark.parametrize("way", ["direct", "pgbouncer"])
def test_nothing_is_lost_while_the_database_fails(tmp_path: Path, way: str) -> None:
    run_storm(tmp_path, way, SHORT[way], 10, 3.0)


@pytest.mark.soak
@pytest.mark.parametrize("way", ["direct", "pgbouncer"])
def test_nothing_is_lost_for_ten_minutes(tmp_path: Path, way: str) -> None:
    run_storm(tmp_path, way, None, SECONDS, 60.0)
