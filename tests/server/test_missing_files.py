"""Missing files: one thing that a server reads is away during kills of workers and a reload."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openstack_cloud import server as nova_server
from openstack_cloud import serving

from tests.conftest import Server
from tests.damage import FILE_WAYS, Damage
from tests.served_files import CLOUDS, WEB_WORKERS, Keystone, Probe, ServedFiles, served
from tests.stateful import START
from tests.storm import Storm, check_healthy, wait_until


@dataclass
class Served:
    server: Server
    files: ServedFiles
    probe: Probe

    def kill(self, *pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def web(self) -> list[int]:
        return _storm(self.server).web()

    def refusals(self) -> int:
        return self.server.log().count("The new settings are not used")

    def started(self) -> str | None:
        """Start a VM; return its id."""
        with self.probe.client() as http:
            answer = http.post("/vm/start/fake_driver", json=dict(START))
        found: str | None = answer.json()["nodes"]["id"] if answer.status_code == 200 else None
        return found

    def stopped(self, node: str) -> int:
        """Stop a VM; return the status of the answer."""
        with self.probe.client() as http:
            status: int = http.put("/vm/stop/fake_driver", json={"node": node}).status_code
        return status


def _storm(server: Server) -> Storm:
    return Storm(server, random.Random(0))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve one server for all tests: each test leaves it as it was."""
    with serving(Keystone(servers=[nova_server(1)])) as cloud:
        files = ServedFiles(tmp_path_factory.mktemp("served"), cloud.url("/v3"))
        with served(files) as server:
            fds = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
            yield Served(server, files, Probe(server, files))
            check_healthy(server, fds)


KINDS = {
    "settings": "orchestrator.toml: a folder",
    "token": "token: unreadable",
    "certificate": "server.pem: removed",
    "secret-away": "secret: removed",
    "secret-unreadable": "secret: unreadable",
    "secret-empty": "secret: empty",
    "clouds": "clouds.yaml: dangling",
    "source": "app.py: half-written",
    "gunicorn": "gunicorn.conf.py: removed",
    "run": "run: a file",
    "temporary-away": "tmp: removed",
    "temporary-read-only": "tmp: read-only",
    "plugin": "passing-1.0.dist-info: removed",
    "half-a-plugin": "driver.py: half-written",
}


_SOON = ("settings", "secret-away", "clouds", "temporary-away", "gunicorn", "half-a-plugin")
"""The kinds of damage that `make test` tries; `make soak` tries them all."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in _SOON else pytest.mark.soak) for name in KINDS],
)
def test_killed_workers_are_replaced_and_serve_every_other_cloud(one: Served, name: str) -> None:
    (damage,) = [damage for damage in one.files.kinds_of_damage() if str(damage) == KINDS[name]]
    with one.files.damaged(damage):
        one.kill(*one.web())
        one.server.signal(signal.SIGHUP)
        steady = [cloud for cloud in CLOUDS if cloud not in damage.excused]
        if name != "run":  # Another user owns the file in its place.
            wait_until(lambda: one.probe.serves(*steady), 20)
    assert one.server.process.poll() is None
    wait_until(lambda: one.probe.serves(*CLOUDS), 40)


def test_a_worker_reads_a_module_again_that_was_empty_when_it_began(one: Served) -> None:
    (damage,) = [d for d in one.files.kinds_of_damage() if str(d) == "convert.py: empty"]
    with one.files.damaged(damage):
        one.kill(*one.web())
        wait_until(lambda: one.probe.serves("fake_driver", "other"), 20)
    # A reload of the test before may still replace workers.
    wait_until(lambda: len(one.web()) == WEB_WORKERS, 20)
    workers = one.web()
    wait_until(lambda: one.probe.serves(*CLOUDS), 40)
    assert one.web() == workers


@pytest.mark.parametrize("way", ["empty", "half-written"])
def test_a_reload_with_a_damaged_gunicorn_conf_is_refused(one: Served, way: str) -> None:
    refusals = one.refusals()
    with one.files.damaged(Damage(one.files.site / "conf" / "gunicorn.conf.py", way)):
        one.server.signal(signal.SIGHUP)
        one.server.wait_for_log("The new settings are not used", count=refusals + 1)
        wait_until(lambda: one.probe.serves(*CLOUDS), 20)
    wait_until(lambda: one.probe.serves(*CLOUDS), 40)


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=() if way == "removed" else pytest.mark.soak) for way in FILE_WAYS],
)
def test_a_database_that_is_away_ends_no_server_and_comes_back(one: Served, way: str) -> None:
    node = one.started()
    assert node is not None
    made, refusals = one.server.log().count("database created"), one.refusals()
    database = one.files.folder / "state" / "orchestrator.db"
    with one.files.damaged(Damage(database, way)):
        # A process that has the file open continues, although the file cannot be opened again.
        assert one.stopped("nowhere") == (400 if way == "unreadable" else 503)
        one.kill(*one.server.workers())
        one.server.signal(signal.SIGHUP)
        one.server.wait_for_log("The new settings are not used", count=refusals + 1)
    assert one.server.process.poll() is None
    wait_until(lambda: one.probe.serves(*CLOUDS), 40)
    wait_until(lambda: one.stopped(node) == 200, 20)  # Known VMs are still known.
    assert one.server.log().count("database created") == made


def test_the_log_names_a_file_of_which_an_older_content_is_used(one: Served) -> None:
    with one.files.damaged(Damage(one.files.folder / "secret", "unreadable")):
        one.kill(one.web()[0])
        one.server.wait_for_log(r"its previous content is used +file=\S+/secret")


def test_a_durable_worker_needs_no_file_of_settings(one: Served) -> None:
    up = one.server.log().count("durable worker ready")
    with one.files.damaged(Damage(one.files.folder / "orchestrator.toml", "half-written")):
        one.kill(*_storm(one.server).durable())
        one.server.wait_for_log("durable worker ready", count=up + 1)


def test_a_removed_run_directory_is_made_again_and_no_other_database(one: Served) -> None:
    state = one.files.folder / "state"
    made = one.server.log().count("database created")
    away = state.with_name("away")
    state.rename(away)
    # Renamed first: a process may make a file there while the folder is emptied.
    shutil.rmtree(one.files.run.rename(state.with_name("removed-run")))
    wait_until(one.files.run.is_dir, 10)
    one.kill(*one.server.workers())
    one.server.wait_for_log("is not the database that this server began with", count=1)
    assert not list(state.rglob("*.db"))
    if state.exists():
        state.rmdir()
    away.rename(state)
    wait_until(lambda: one.probe.serves(*CLOUDS), 40)
    assert one.server.log().count("database created") == made
