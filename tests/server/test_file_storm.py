"""Damage to every file that a server reads, while its processes are killed.

No request of a compliant client (tests/compliant_clients.py) may fail except while its own cloud
is away, and the server never ends.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from openstack_cloud import server as nova_server
from openstack_cloud import serving
from sqlalchemy import func, select

from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, vms
from tests.compliant_clients import CompliantClient, Tally
from tests.conftest import OPS_TOKEN, Server
from tests.served_files import CLOUDS, GRACE, Keystone, Probe, ServedFiles, served
from tests.storm import Storm, check_healthy, wait_until

SECONDS: Final = 600.0


@contextmanager
def clients(server: Server, files: ServedFiles, tally: Tally) -> Iterator[None]:
    """Run compliant clients of each cloud: one on a kept connection, one on fresh ones."""
    asking = [
        CompliantClient(
            server.url,
            cloud,
            tally,
            number,
            keeps=bool(number % 2),
            changes=cloud in ("fake_driver", "other"),
            is_excused=files.is_excused,
            tls=files.tls,
            headers={"X-Auth-Token": OPS_TOKEN},
        )
        for number, cloud in enumerate([*CLOUDS, *CLOUDS])
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


def run_storm(tmp_path: Path, kinds: list[str] | None, seconds: float, seed: int) -> None:
    """Damage files until the time is over, or in each of the named ways once."""
    luck = random.Random(seed)
    with serving(Keystone(servers=[nova_server(1)])) as cloud:
        files = ServedFiles(tmp_path, cloud.url("/v3"))
        with served(files) as server:
            fds = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
            storm, probe, tally = Storm(server, luck), Probe(server, files), Tally()
            assert probe.serves(*CLOUDS), server.log()
            with clients(server, files, tally):
                done = _do(files, storm, probe, luck, kinds, seconds)
                wait_until(lambda: probe.serves(*CLOUDS), GRACE + 30)
            settle(files, tally)
            figures = check_healthy(server, fds)
    sys.stdout.write(
        f"\n{done} times damage, {storm.kills} kills, {storm.signals} signals; {tally}\n"
    )
    sys.stdout.write(f"{figures}\n")
    assert tally.failures == [], "\n".join(tally.failures[:20])
    assert tally.not_started <= storm.kills
    assert len(tally.started) > done


def _do(  # noqa: PLR0913, PLR0917 - the parts of one storm
    files: ServedFiles,
    storm: Storm,
    probe: Probe,
    luck: random.Random,
    wanted: list[str] | None,
    seconds: float,
) -> int:
    ends_at, done = time.monotonic() + seconds, 0
    while True:
        kinds = files.kinds_of_damage()
        luck.shuffle(kinds)
        if wanted is not None:
            kinds = [one for name in wanted for one in kinds if str(one) == name]
        for damage in kinds:
            if time.monotonic() > ends_at:
                return done
            with files.damaged(damage):
                strikes = [storm.strike()]
                time.sleep(luck.uniform(0.2, 1.0))
                strikes.append(storm.strike())
                time.sleep(luck.uniform(0.2, 1.0))
            done += 1
            steady = [cloud for cloud in CLOUDS if cloud not in damage.excused]
            sys.stdout.write(f"{damage}: {', '.join(strikes)}; ")
            took = wait_until(lambda: probe.serves(*steady), 45)  # noqa: B023
            sys.stdout.write(f"served again after {took:.1f} s\n")
        if wanted is not None:
            return done


def settle(files: ServedFiles, tally: Tally) -> None:
    """Check that every operation has ended and that rows, cloud and clients agree."""
    database = Database(f"sqlite:///{files.folder}/state/orchestrator.db", Path())
    open_ones = select(func.count()).where(operations.c.finished_at.is_(None))
    wait_until(lambda: database.read_now(lambda c: c.execute(open_ones).scalar_one()) == 0)
    present = select(vms.c.cloud, vms.c.node_id).where(vms.c.gone_at.is_(None))
    rows = database.read_now(lambda c: {tuple(row) for row in c.execute(present)})
    succeeded = select(func.count()).where(
        operations.c.kind == "start_vm", operations.c.state == "succeeded"
    )
    starts = database.read_now(lambda c: c.execute(succeeded).scalar_one())
    database.close()
    found, made = set(), 0
    for cloud, name in (("fake_driver", "first"), ("other", "second")):
        nodes, started = _nodes(files.folder / "clouds" / f"{name}.db")
        made += started
        found |= {(cloud, node) for node in nodes if node not in ("1", "2")}
    assert found == {row for row in rows if row[1] not in ("1", "2")}
    assert made == starts, "a VM was started twice, or one is unknown"
    assert starts >= len(tally.started)


def _nodes(file: Path) -> tuple[set[str], int]:
    """Return the nodes of a dummy cloud, and the number ever started."""
    connection = sqlite3.connect(file)
    try:
        rows = connection.execute("SELECT number, gone_at FROM nodes").fetchall()
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'nodes'").fetchone()
    finally:
        connection.close()
    now = time.time()
    there = {str(number) for number, gone in rows if gone is None or gone > now}
    return there, last[0] - 2  # It starts with two.


SHORT: Final = (
    "orchestrator.toml: half-written",
    "secret: removed",
    "tmp: removed",
)


def test_no_honest_client_fails_while_files_are_away(tmp_path: Path) -> None:
    run_storm(tmp_path, list(SHORT), 10, seed=1)


@pytest.mark.soak
def test_no_honest_client_fails_for_ten_minutes(tmp_path: Path) -> None:
    run_storm(tmp_path, None, SECONDS, seed=2)
