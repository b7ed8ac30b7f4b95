"""Every secret is replaced while requests run: docs/howto/rotate-secrets.md."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest
from sqlalchemy import make_url

from tests import loopback
from tests.conftest import Server, running
from tests.databases import postgres_server
from tests.state.failing_postgres import Cluster
from tests.stateful import START, settings

FIRST = "5d1f0a7be2c34856a1b0c2d3e4f50617"
SECOND = "e7c2b94d10f84b3aa65d2c7f9b01e843"

_AUTH = """
[auth]
mode = "token"
[auth.tokens]
ops = "file:{folder}/token"
{more}
[metrics]
token = "file:{folder}/metrics"
"""


class Secrets:
    """The files of a server's secrets, and the settings that name them.

    Args:
        folder: the folder of the files and the settings.
        cluster: the database's server.
    """

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self._folder, self._cluster = folder, cluster
        hba = cluster.data / "pg_hba.conf"
        hba.write_text("local all app scram-sha-256\n" + hba.read_text())
        self.set_password("first-password")
        self.write("token", FIRST)
        self.write("metrics", FIRST)

    def write(self, name: str, text: str) -> None:
        file = self._folder / name
        file.touch(mode=0o600)
        file.write_text(text)

    def set_password(self, password: str) -> None:
        self._cluster.sql(f"ALTER ROLE app PASSWORD '{password}'", "SELECT pg_reload_conf()")
        url = make_url(self._cluster.url()).set(password=password)
        self.write("database", url.render_as_string(hide_password=False))

    def settings(self, more: str = "") -> str:
        state = f'url = "file:{self._folder}/database"'
        return settings(state, more=_AUTH.format(folder=self._folder, more=more))


def reload(server: Server) -> None:
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)


@contextmanager
def requests(server: Server, token: Callable[[], str]) -> Iterator[list[str]]:
    """Send a start and a list again and again until the block ends; yield the failures."""
    failures: list[str] = []
    end = threading.Event()

    def ask() -> None:
        while not end.is_set():
            with loopback.client(server.url, headers={"X-Auth-Token": token()}) as http:
                answers = (
                    http.post("/api/v1/vm/start", json=dict(START)),
                    http.get("/api/v2/operations"),
                )
                failures.extend(one.text for one in answers if one.status_code != 200)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield failures
    finally:
        end.set()
        asking.join()


def get(server: Server, path: str, token: str) -> httpx2.Response:
    return loopback.get(f"{server.url}{path}", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Secrets]:
    with postgres_server() as server:
        yield Secrets(tmp_path, Cluster(server))


def test_every_secret_is_rotated_without_a_failed_request(tmp_path: Path, secrets: Secrets) -> None:
    with running(secrets.settings(), tmp_path, workers=2) as server:
        server.wait_for_log("durable worker ready")
        current = [FIRST]
        with requests(server, lambda: current[0]) as failures:
            config = tmp_path / "orchestrator.toml"
            secrets.write("second", SECOND)
            config.write_text(secrets.settings(f'ops2 = "file:{tmp_path}/second"'))
            reload(server)
            assert get(server, "/api/v2/operations", FIRST).status_code == 200
            current[0] = SECOND
            secrets.write("metrics", SECOND)
            secrets.set_password("second-password")
            reload(server)
        # A connection that was opened between the two steps of the password was refused.
        assert [one for one in failures if "state_unavailable" not in one] == []
        secrets.write("token", SECOND)
        config.write_text(secrets.settings())
        reload(server)
        assert get(server, "/api/v2/operations", FIRST).status_code == 401
        assert get(server, "/api/v2/operations", SECOND).status_code == 200
        assert get(server, "/metrics", FIRST).status_code == 401
        assert get(server, "/metrics", SECOND).status_code == 200
        log = server.log()
    for secret in (FIRST, SECOND, "first-password", "second-password"):
        assert secret not in log


def test_the_database_refuses_the_old_password(secrets: Secrets, tmp_path: Path) -> None:
    """Otherwise the test above would rotate nothing."""
    old = (tmp_path / "database").read_text().replace("postgresql+psycopg:", "postgresql:")
    psycopg.connect(old).close()
    secrets.set_password("second-password")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
