"""A full disk under an SQLite database, under load: what fails says why, and nothing is lost.

The database is on a small disk of its own, and the simulated cloud is not. While the disk is full,
a compliant client (tests/compliant_clients.py) may get 503 ``state_unavailable`` and repeats the
request. Meanwhile the server is reloaded, its processes are killed, and it is started again.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.compliant_clients import Tally
from tests.conftest import Server
from tests.disks import disk, full
from tests.server.test_maintenance import Machine, check_metrics
from tests.state.test_database_storm import GRACE, Windows, clients, settle
from tests.stateful import Api, settings
from tests.storm import Storm, check_healthy, wait_until

SIZE: Final = "64m"
"""The size of the disk: the database with its log, and the rows of all clients.

A thousand operations take about a megabyte.
"""


def fill_and_free(tmp_path: Path, ways: list[str], seconds: float) -> None:
    """Fill the disk in each of the ways, with some seconds of load before, meanwhile and after."""
    windows, tally = Windows(), Tally()
    with ExitStack() as stack:
        small = stack.enter_context(disk(tmp_path / "disk", SIZE))
        if not os.path.ismount(small):
            pytest.skip("needs the right to mount a disk")
        url = f"sqlite:///{small}/state.db"
        toml = settings(
            f'url = "{url}"\nretry_delay = 0.1\nmax_retry_delay = 0.5',
            f'store = "file:{tmp_path}/cloud.db"\nvisibility_timeout = 1',
            "[server]\ngraceful_timeout = 20",
        )
        machine = Machine(tmp_path, tmp_path, toml)
        stack.callback(machine.stop)
        fds = len(list(Path(f"/proc/{machine.server.process.pid}/fd").iterdir()))
        with clients(machine.server.url, tally, windows):
            for way in ways:
                time.sleep(seconds)
                waits = tally.waits
                with windows.opened(GRACE), full(small):
                    time.sleep(seconds)
                    WAYS[way](machine)
                    time.sleep(seconds)
                assert tally.waits > waits, f"{way}: the disk was not full"
                wait_until(lambda: _works(machine.server), GRACE)
                sys.stdout.write(f"{way}: {tally.waits - waits} waits\n")
            time.sleep(seconds)
        settle(url, machine.server, tally)
        check_metrics([machine])
        figures = check_healthy(machine.server, fds)
        logs = machine.logs()
    sys.stdout.write(f"{tally}\n{figures}\n")
    assert tally.failures == [], "\n".join(tally.failures[:20])
    assert tally.not_started <= tally.waits
    assert tally.started
    assert "its file system is full; free some space" in logs
    assert "database is back" in logs
    assert "Traceback" not in logs, logs[logs.index("Traceback") - 1000 :][:4000]


def _only_fill(_machine: Machine) -> None:
    """Do nothing beside the full disk."""


def _reload(machine: Machine) -> None:
    machine.server.signal(signal.SIGHUP)


def _kill(machine: Machine) -> None:
    Storm(machine.server, random.Random(1)).kill_everything()


WAYS: Final[dict[str, Callable[[Machine], None]]] = {
    "nothing else": _only_fill,
    "reload": _reload,
    "kill of all workers": _kill,
}


def _works(server: Server) -> bool:
    api = Api(server)
    with api.http:
        return api.start().status_code == 200


def test_a_full_disk_fails_clearly_and_loses_nothing(tmp_path: Path) -> None:
    fill_and_free(tmp_path, ["reload"], 1.0)


@pytest.mark.soak
def test_a_disk_that_is_full_again_and_again(tmp_path: Path) -> None:
    fill_and_free(tmp_path, [*WAYS] * 3, 4.0)
