"""Maintenance of running servers under steady load, without a failed request.

Two servers share a PostgreSQL database behind one nginx, as docs/howto/several-machines.md
describes, and reach it directly or through a PgBouncer in transaction mode. They are reloaded and
restarted one after the other. Their disk is full for a time, then that of the database. The
database restarts, and so does PgBouncer. Compliant clients (tests/compliant_clients.py) start and
stop VMs all the time.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import loopback
from tests.commands import environment_without_ours
from tests.compliant_clients import Tally
from tests.conftest import Server, serve_command
from tests.databases import postgres_server
from tests.disks import disk, full
from tests.nginx import nginx
from tests.pooler import Pooler, free_port, pooler
from tests.state.failing_postgres import Cluster
from tests.state.test_database_storm import GRACE, Windows, clients, settle
from tests.stateful import settings
from tests.storm import wait_until

PAGE: Final = Path(__file__).parents[2] / "docs" / "howto" / "several-machines.md"

ALWAYS_SEEN: Final = ("full disk of the database",)
"""The steps in which clients have to wait; otherwise the step did nothing."""

DATABASE_DISK: Final = "160m"
"""The size of a disk for a new PostgreSQL cluster with its write-ahead log, and some rows."""


class Machine:
    """A server with a port, a folder and a disk of its own; it can be started again.

    Args:
        folder: the folder of its settings and logs.
        disk: the folder for its temporary files.
        toml: the settings.
        variables: further variables of its environment.
    """

    def __init__(
        self, folder: Path, disk: Path, toml: str, variables: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.disk, self.port = folder, disk, free_port()
        self.variables = dict(variables or {})
        self._config = folder / "orchestrator.toml"
        self._config.write_text(toml)
        self._starts = 0
        self.server = self.start()

    def start(self) -> Server:
        self._starts += 1
        command = serve_command(self._config, f"127.0.0.1:{self.port}", 2)
        environment = {**environment_without_ours(), "TMPDIR": str(self.disk), **self.variables}
        log = self.folder / f"server-{self._starts}.log"
        # Python finds modules in its working directory first: those of this checkout.
        self.server = Server(command, log, environment, self.folder).wait_until_up(2)
        self.server.wait_for_log("durable worker ready")
        return self.server

    def stop(self) -> None:
        assert self.server.stop() == 0, self.server.log()

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        old = self.server.workers()
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_new_workers(old)

    def requests_counted(self) -> float:
        """Return how often version 1's root was answered, by the metrics of this server."""
        text = loopback.get(f"{self.server.url}/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "orchestrator_http_requests_total"
            and sample.labels["route"] in {"/api/v1", "/api/v1/"}
        )

    def logs(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob("server-*.log")))


@contextmanager
def balanced(folder: Path, machines: list[Machine]) -> Iterator[str]:
    """Run nginx in front of these servers; yield its URL."""
    port = free_port()
    (page,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    ports = iter([one.port for one in machines])
    page = re.sub(r"10\.0\.0\.1\d:5050", lambda _: f"127.0.0.1:{next(ports)}", page)
    page = page.replace("listen 80;", f"listen 127.0.0.1:{port};")
    with nginx(folder, page, port):
        yield f"http://127.0.0.1:{port}"


def maintain(tmp_path: Path, way: str, reloads: int, seconds: float) -> None:
    """Do everything once, with some seconds of load between the steps."""
    windows, tally = Windows(), Tally()
    with ExitStack() as stack:
        # PostgreSQL runs as a user of its own, to whom pytest's folders are closed.
        place = Path(stack.enter_context(TemporaryDirectory(prefix="orchestrator-disk-")))
        place.chmod(0o755)
        data = stack.enter_context(disk(place / "database", DATABASE_DISK))
        cluster = Cluster(stack.enter_context(postgres_server(data)))
        cluster.sql("ALTER SYSTEM SET max_wal_size = '48MB'", "SELECT pg_reload_conf()")
        url, bouncer = cluster.url(), None
        if way == "pgbouncer":
            url, bouncer = stack.enter_context(pooler(url, size=6))
        toml = settings(
            f'url = "{url}"\nretry_delay = 0.1\nmax_retry_delay = 0.5',
            f'store = "file:{tmp_path}/cloud.db"\nvisibility_timeout = 1',
            "[server]\ngraceful_timeout = 20",
        )
        machines = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            place = stack.enter_context(disk(tmp_path / f"disk-{name}"))
            machine = Machine(tmp_path / name, place, toml)
            stack.callback(machine.stop)
            machines.append(machine)
        front = stack.enter_context(balanced(tmp_path, machines))
        steps: dict[str, Callable[[], None]] = {
            "reloads": lambda: _reload(machines, reloads),
            "rolling restart": lambda: _restart(machines, seconds),
            "full disk": lambda: _fill(machines, seconds),
            "restart of the database": lambda: _restart_database(cluster, windows),
            "full disk of the database": lambda: _fill_database(cluster, data, windows, seconds),
        }
        if bouncer is not None:
            steps["pause of PgBouncer"] = lambda: _pause(bouncer, seconds)
            steps["restart of PgBouncer"] = lambda: _restart_pooler(bouncer, windows)
        with clients(front, tally, windows):
            time.sleep(seconds)
            for name, step in steps.items():
                before = (tally.requests, tally.waits, len(tally.failures))
                began = time.monotonic()
                step()
                time.sleep(seconds)
                now = (tally.requests, tally.waits, len(tally.failures))
                told = [after - first for after, first in zip(now, before, strict=True)]
                sys.stdout.write(
                    f"{name}: {time.monotonic() - began:.0f} s, {told[0]} requests, "
                    f"{told[1]} waits for the database, {told[2]} failures\n"
                )
                assert not (name in ALWAYS_SEEN and os.path.ismount(data)) or told[1], name
            wait_until(lambda: all(_serves(one) for one in machines), GRACE)
        settle(cluster.url(), machines[0].server, tally)
        check_metrics(machines)
        logs = "".join(one.logs() for one in machines)
    sys.stdout.write(f"{tally}\n")
    assert tally.failures == [], "\n".join(tally.failures[:20])
    assert tally.not_started == 0
    assert "Traceback" not in logs, logs[logs.index("Traceback") - 1000 :][:4000]


def _reload(machines: list[Machine], times: int) -> None:
    for number in range(times):
        machines[number % 2].reload()


def _restart(machines: list[Machine], seconds: float) -> None:
    for machine in machines:
        machine.restart()
        time.sleep(seconds)


def _fill(machines: list[Machine], seconds: float) -> None:
    with full(machines[0].disk):
        time.sleep(seconds)
        machines[0].reload()
        time.sleep(seconds)


def _restart_database(cluster: Cluster, windows: Windows) -> None:
    with windows.opened(GRACE):
        cluster.restart("fast")


def _fill_database(cluster: Cluster, data: Path, windows: Windows, seconds: float) -> None:
    """Fill the disk with the tables and the write-ahead log.

    PostgreSQL refuses to write then, or ends; a person starts it again once there is room.
    """
    with windows.opened(GRACE):
        with full(data):
            time.sleep(2 * seconds)
        with suppress(AssertionError):
            wait_until(lambda: _takes_connections(cluster), 5)
        if not _takes_connections(cluster):
            sys.stdout.write("PostgreSQL had ended\n")
            cluster.restart("fast")


def _takes_connections(cluster: Cluster) -> bool:
    try:
        cluster.sql("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _pause(bouncer: Pooler, seconds: float) -> None:
    """Make transactions wait, as an operator does before the database moves."""
    bouncer.pause()
    time.sleep(min(seconds, 3.0))
    bouncer.resume()


def _restart_pooler(bouncer: Pooler, windows: Windows) -> None:
    with windows.opened(GRACE):
        bouncer.restart()


def _serves(machine: Machine) -> bool:
    return loopback.get(f"{machine.server.url}/api/v2/operations?limit=1").status_code == 200


def check_metrics(machines: list[Machine]) -> None:
    """Check that each server counts each request from now on."""
    for machine in machines:
        before = machine.requests_counted()
        for _ in range(20):
            assert loopback.get(f"{machine.server.url}/api/v1/").status_code == 200
        wait_until(lambda: machine.requests_counted() == before + 20, 5)  # noqa: B023


@pytest.mark.soak
@pytest.mark.parametrize("way", ["direct", "pgbouncer"])
def test_maintenance_under_load(tmp_path: Path, way: str) -> None:
    maintain(tmp_path, way, reloads=10, seconds=5.0)
