"""The health of a server, as supervisors, load balancers and people see it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.api.bounded import BoundedValue
from orchestrator_core.run_directory import WORKER_STARTED
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import installation
from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN, Server, ec2, running
from tests.databases import MakeUrl
from tests.proxy import proxied
from tests.stateful import settings, wait_for

TOKENS = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
OPS = {"Authorization": f"Bearer {OPS_TOKEN}"}


def get(server: Server, path: str = "", **more: Any) -> httpx2.Response:
    return loopback.get(f"{server.url}/health{path}", **more)


def is_ready(server: Server) -> bool:
    return get(server, "/ready").status_code == 200


def check(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in report["checks"] if one["name"] == name]
    return dict(found)


def test_probes_need_no_token(tmp_path: Path) -> None:
    with running(DUMMY + TOKENS, tmp_path, {"OPS_TOKEN": OPS_TOKEN}) as server:
        for path in ("", "/live", "/ready"):
            answer = get(server, path)
            assert (answer.status_code, answer.json()["status"]) == (200, "ok")
            assert answer.headers["Cache-Control"] == "no-store"
        assert get(server, "/other").status_code == 404
        assert loopback.post(f"{server.url}/health").status_code == 501


def test_a_server_with_a_database_is_ready_once_its_durable_worker_runs(tmp_path: Path) -> None:
    toml = settings(f'url = "sqlite:///{tmp_path}/state.db"\nprocess_timeout = 3')
    with running(toml, tmp_path) as server:
        wait_for(lambda: is_ready(server), bool)
        (durable,) = server.durable_workers()
        os.kill(durable, signal.SIGSTOP)
        try:
            reasons = wait_for(lambda: get(server, "/ready").json().get("reasons"), bool)
            assert reasons[-1].startswith("No durable worker has been alive for ")
            assert get(server, "/live").status_code == 200
            report = get(server)
            assert (report.status_code, report.json()["status"]) == (503, "unavailable")
            assert check(report.json(), "durable_worker")["status"] == "unavailable"
        finally:
            os.kill(durable, signal.SIGCONT)
        wait_for(lambda: is_ready(server), bool)


def test_a_replaced_durable_worker_does_not_make_the_server_unready(tmp_path: Path) -> None:
    """Every reload replaces it, and the new one needs a second to start."""
    with running(settings(f'url = "sqlite:///{tmp_path}/state.db"'), tmp_path) as server:
        wait_for(lambda: is_ready(server), bool)
        (durable,) = server.durable_workers()
        os.kill(durable, signal.SIGTERM)
        ends_at = time.monotonic() + 2
        while time.monotonic() < ends_at:
            assert is_ready(server)
        assert server.durable_workers() != [durable]


def test_a_reload_does_not_make_the_server_unready(tmp_path: Path) -> None:
    toml = settings(f'url = "sqlite:///{tmp_path}/state.db"')
    with running(toml, tmp_path, {"TMPDIR": str(tmp_path)}) as server:
        wait_for(lambda: is_ready(server), bool)
        (durable,) = server.durable_workers()
        wait_for(lambda: list(tmp_path.glob(f"orchestrator-*/{WORKER_STARTED}")), bool)
        server.process.send_signal(signal.SIGHUP)
        ends_at = time.monotonic() + 20
        while server.durable_workers() in ([], [durable]) and time.monotonic() < ends_at:
            answer = get(server, "/ready")
            assert answer.status_code == 200, answer.text
        assert is_ready(server)


def test_a_database_that_is_away_makes_the_server_unready(
    postgres: MakeUrl, tmp_path: Path
) -> None:
    with proxied(postgres()) as (proxy, url):
        shown = url.render_as_string(hide_password=False)
        toml = settings(f'url = "{shown}"\nworker = false')
        with running(toml, tmp_path) as server:
            wait_for(lambda: is_ready(server), bool)
            proxy.refuse()
            wait_for(lambda: is_ready(server), lambda ready: not ready)
            assert get(server, "/ready").json()["reasons"] == ["The database cannot be reached"]
            assert str(proxy.port) not in get(server).text
            assert get(server, "/live").status_code == 200
            proxy.resume()
            wait_for(lambda: is_ready(server), bool)


def test_a_database_that_hangs_holds_no_probe_for_long(postgres: MakeUrl, tmp_path: Path) -> None:
    with proxied(postgres()) as (proxy, url):
        shown = url.render_as_string(hide_password=False)
        with running(settings(f'url = "{shown}"\nworker = false'), tmp_path) as server:
            wait_for(lambda: is_ready(server), bool)
            proxy.hold(proxy.to_client, proxy.to_server)
            time.sleep(1.1)  # the last result is kept for a second
            begun = time.monotonic()
            for _ in range(3):
                (reason,) = get(server, "/ready").json()["reasons"]
                assert reason == "The database did not answer within 2 s"
            assert time.monotonic() - begun < 15
            proxy.resume()
            wait_for(lambda: is_ready(server), bool)


def test_a_dead_cloud_degrades_and_is_named_to_callers_only(
    tmp_path: Path, closed_port: int
) -> None:
    toml = DUMMY + ec2("secret-lab", closed_port, "retries = 0") + TOKENS
    with running(toml, tmp_path, {"OPS_TOKEN": OPS_TOKEN}) as server:
        answer = loopback.get(f"{server.url}/api/v1/nodes/secret-lab", headers=OPS)
        assert answer.status_code >= 500
        assert is_ready(server)
        public, known = get(server), get(server, headers=OPS)
        for one in (public, known):
            assert (one.status_code, one.json()["status"]) == (200, "degraded")
            assert check(one.json(), "clouds")["reason"] == "1 of 2 clouds does not work"
        assert "secret-lab" not in public.text
        assert "version" not in public.json()
        ((part,)) = check(known.json(), "clouds")["parts"]
        assert part["name"] == "secret-lab"
        assert part["reason"]
        assert str(closed_port) not in known.text
        wrong = get(server, headers={"Authorization": "Bearer wrong"})
        assert wrong.json() == public.json()


def test_a_hold_on_destruction_is_shown_without_its_author(serve: Any, tmp_path: Path) -> None:
    toml = settings(f'url = "sqlite:///{tmp_path}/state.db"\nworker = false') + TOKENS
    server = serve(toml, environment={"OPS_TOKEN": OPS_TOKEN})
    database = Database(f"sqlite:///{tmp_path}/state.db", Path())
    frozen = installation.update().values(frozen_at=1.0, frozen_by="ann", frozen_reason="audit")
    database.write_now(lambda connection: connection.execute(frozen))
    database.close()
    wait_for(lambda: get(server).json()["status"], lambda status: status == "degraded")
    assert is_ready(server)
    assert "ann" not in get(server).text
    known = check(get(server, headers=OPS).json(), "destruction")
    assert known["parts"] == [{"name": "destruction", "reason": "frozen by ann: audit"}]


def test_a_stopping_server_is_not_ready(serve: Any) -> None:
    server = serve()
    with socket.create_connection(server.address) as kept:
        kept.settimeout(10)
        kept.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in kept.recv(65536)
        slow = socket.create_connection(server.address)
        slow.sendall(
            b"POST /api/v1/vm/start HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 40\r\n\r\n"
        )
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        server.wait_for_log("Worker shutting down")
        kept.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = kept.recv(65536)
        slow.close()
    assert told == b"" or b"The server is stopping" in told


@pytest.mark.parametrize("prefix", ["/clouds", "/health"])
def test_it_answers_below_a_prefix_and_without_it(serve: Any, prefix: str) -> None:
    server = serve(f'{DUMMY}[server]\nroot_path = "{prefix}"\n')
    for path in ("/health", f"{prefix}/health", f"{prefix}/health/live"):
        answer = loopback.get(f"{server.url}{path}")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok"), path


def test_callers_share_one_value_and_wait_briefly() -> None:
    made: list[asyncio.Event] = []

    async def make() -> int:
        made.append(asyncio.Event())
        await made[-1].wait()
        return len(made)

    async def scenario() -> None:
        value = BoundedValue(make, kept=0.05, patience=0.05)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await value.get()
        assert len(made) == 1
        made[0].set()
        assert await value.get() == 1
        await asyncio.sleep(0.06)
        again = asyncio.ensure_future(value.get())
        await asyncio.sleep(0.01)
        made[1].set()
        assert await again == 2

    asyncio.run(scenario())


def test_an_error_is_kept_as_long_as_a_value() -> None:
    made = 0

    async def make() -> int:
        nonlocal made
        made += 1
        raise ConnectionError

    async def scenario() -> None:
        value = BoundedValue(make, kept=60.0, patience=1.0)
        for _ in range(3):
            with pytest.raises(ConnectionError):
                await value.get()

    asyncio.run(scenario())
    assert made == 1
