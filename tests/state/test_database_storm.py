"""Every failure of a PostgreSQL server in turn, while the processes of the server are killed.

While the database is away, a compliant client (tests/compliant_clients.py) may get 503
``state_unavailable`` and repeats the request. In the end no start is lost or doubled, and every
operation has ended.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import func, make_url, select

from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, vms
from tests.compliant_clients import CompliantClient, Tally
from tests.conftest import Server, running
from tests.databases import postgres_server
from tests.pooler import Pooler, pooler
from tests.proxy import Proxy
from tests.state.failing_postgres import Cluster, DatabaseFailures
from tests.stateful import Api, settings
from tests.storm import Storm, check_healthy, wait_until

SECONDS: Final = 600.0
GRACE: Final = 15.0
"""Seconds after an outage in which a request may still fail."""
SILENCE: Final = 50.0
"""The same after a silence: an answer is waited for 45 s."""

CLIENTS: Final = 6


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
    """Let the database fail until the time is over, or in each of the named ways once."""
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
        failures = DatabaseFailures(cluster, proxy, bouncer, luck, longest)
        with clients(server.url, tally, windows):
            done = _do(failures, storm, windows, luck, wanted, seconds)
            with windows.opened(0.0):
                wait_until(lambda: _works(server), SILENCE + 30)
        settle(cluster.url(), server, tally)
        figures = check_healthy(server, fds)
    sys.stdout.write(f"\n{way}: {done} failures, {storm.kills} kills, {storm.signals} signals; ")
    sys.stdout.write(f"{tally}\n{figures}\n")
    assert tally.failures == [], "\n".join(tally.failures[:20])
    assert tally.not_started <= storm.kills + tally.waits
    assert tally.started


@contextmanager
def clients(url: str, tally: Tally, windows: Windows) -> Iterator[None]:
    asking = [
        CompliantClient(
            url,
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
    failures: DatabaseFailures,
    storm: Storm,
    windows: Windows,
    luck: random.Random,
    wanted: list[str] | None,
    seconds: float,
) -> int:
    ends_at, done = time.monotonic() + seconds, 0
    while True:
        ways = failures.all()
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
        return all(api.v2("/operations", limit="1").status_code == 200 for _ in range(4))
    finally:
        api.http.close()


def settle(url: str, server: Server, tally: Tally) -> None:
    """Check that every operation has ended and that rows, cloud and clients agree."""
    database = Database(url, Path())
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
