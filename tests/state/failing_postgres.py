"""A PostgreSQL server for one test, and its failures."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import make_url

from tests.databases import sqlalchemy_url
from tests.pooler import Pooler
from tests.proxy import Proxy

MOST_CONNECTIONS: Final = 40


class Cluster:
    """A PostgreSQL server, its one database, and a role that is no superuser.

    Args:
        server: the wheel's server.
    """

    def __init__(self, server: object) -> None:
        self._server = server
        self.uri: str = server.get_uri()  # type: ignore[attr-defined]
        self.data = Path(server.pgdata)  # type: ignore[attr-defined]
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
        binary = self._server.bin_path / "pg_ctl"  # type: ignore[attr-defined]
        command = [binary, "-w", "-m", mode, "-D", self.data, "-l", self.data / "log", "restart"]
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


class DatabaseFailures:
    """Failures of the database and of the way to it; each lasts some seconds.

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
