"""The metrics of a server, as Prometheus reads them."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import falcon.testing
import httpx2
import pytest

from orchestrator_core.app import create_app
from orchestrator_core.metrics.catalogue import FOLDER, SPECS
from orchestrator_core.settings.model import Settings
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations
from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN, Server, ec2, running
from tests.databases import MakeUrl
from tests.proxy import proxied
from tests.samples import Samples, parsed, total, value
from tests.stateful import Api, settings, wait_for

TOKENS = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
METRICS_TOKEN = "9d1f0a7be2c34856a1b0c2d3e4f50617"


def samples(server: Server) -> Samples:
    time.sleep(0.1)  # requests are measured in groups, within 20 ms of their ends
    answer = loopback.get(f"{server.url}/metrics")
    assert answer.status_code == 200, answer.text
    return parsed(answer.text)


def ask(server: Server, count: int, path: str = "/api/v1/nodes") -> None:
    for _ in range(count):
        assert loopback.get(f"{server.url}{path}").status_code == 200


def test_counters_are_right_over_workers_respawns_and_reloads(tmp_path: Path) -> None:
    with running(DUMMY, tmp_path, workers=3) as server:
        asked, seen = 0, 0.0

        def check() -> Samples:
            nonlocal seen
            found = samples(server)
            counted = value(
                found, "http_requests_total", route="/api/v1/nodes", method="GET", status="200"
            )
            assert counted == asked >= seen
            seen = counted
            name = "http_request_duration_seconds_count"
            assert value(found, name, route="/api/v1/nodes", method="GET") == asked
            return found

        for harm in (kill_one, reload, kill_one):
            ask(server, 20)
            asked += 20
            for _ in range(3):
                check()
            harm(server)
            check()
        found = check()
        assert not any("pid" in dict(labels) for _, labels in found)
        assert value(found, "cloud_circuit", cloud="fake_driver", state="closed") == 3
        folder = next(iter(run_directory_of(server).glob(FOLDER)))
        # Old and new workers live beside each other during a reload, so there are two sets.
        assert len(list(folder.glob("counter_*.db"))) <= 6


def kill_one(server: Server) -> None:
    up = server.log().count("ASGI server listening")
    os.kill(server.workers()[0], signal.SIGKILL)
    server.wait_for_log("ASGI server listening", count=up + 1)


def reload(server: Server) -> None:
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)


def run_directory_of(server: Server) -> Path:
    """Return the run directory, from the files that a worker has mapped."""
    maps = Path(f"/proc/{server.workers()[0]}/maps").read_text()
    (found,) = {Path(one) for one in re.findall(r"(/\S+)/metrics/counter_\d+\.db", maps)}
    return found


def test_a_dead_workers_gauges_disappear(tmp_path: Path) -> None:
    with running(DUMMY, tmp_path, workers=2) as server:

        def closed() -> float:
            return value(samples(server), "cloud_circuit", cloud="fake_driver", state="closed")

        assert wait_for(closed, lambda number: number == 2)
        server.signal(signal.SIGSTOP)  # the first process cannot replace it
        os.kill(server.workers()[0], signal.SIGKILL)
        assert wait_for(closed, lambda number: number == 1)
        server.signal(signal.SIGCONT)


def test_a_path_that_is_no_route_makes_no_label(tmp_path: Path) -> None:
    with running(DUMMY, tmp_path) as server:
        for number in range(30):
            loopback.get(f"{server.url}/api/v1/nix-{number}")
            loopback.get(f"{server.url}/{number}")
            loopback.request(f"BREW{number}", f"{server.url}/api/v1/nodes")
        found = samples(server)
        routes = {dict(labels).get("route") for _, labels in found}
        assert routes <= {None, "unmatched", "/metrics", "/api/v1/nodes"}
        assert total(found, "http_requests_total", route="unmatched", status="404") == 60
        assert total(found, "http_requests_total", method="other") == 30


def test_calls_of_clouds_are_counted_by_outcome(tmp_path: Path, closed_port: int) -> None:
    toml = DUMMY + ec2("dead", closed_port, "retries = 0\nbreaker = {failures = 1, seconds = 60}")
    with running(toml, tmp_path) as server:
        ask(server, 1)
        for _ in range(3):
            loopback.get(f"{server.url}/api/v1/nodes/dead")
        found = samples(server)
        by = {"cloud": "dead", "hook": "list_nodes"}
        assert value(found, "cloud_calls_total", **by, outcome="cloud_unreachable") == 1
        assert value(found, "cloud_calls_total", **by, outcome="circuit_open") == 2
        assert value(found, "cloud_call_duration_seconds_count", **by) == 1
        assert value(found, "cloud_circuit", cloud="dead", state="open") == 1
        good = {"cloud": "fake_driver", "hook": "list_nodes", "outcome": "ok"}
        assert value(found, "cloud_calls_total", **good) == 1


def test_state_is_read_from_the_database(database_url: str, tmp_path: Path) -> None:
    with running(settings(f'url = "{database_url}"'), tmp_path) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            first, second = api.started(), api.started()
            assert api.assign(first, lease="4m").status_code == 200
            assert api.assign(second, lease="30m").status_code == 200
            assert api.stop(api.started()).status_code == 200
        time.sleep(1.1)  # the last figures are kept for a second
        found = samples(server)
    cloud = {"cloud": "fake_driver"}
    assert value(found, "database_up") == 1
    assert value(found, "vms", **cloud, state="present") == 2
    assert value(found, "assignments", **cloud, state="active") == 2
    assert value(found, "leases_ending", **cloud, within="0") == 0
    assert value(found, "leases_ending", **cloud, within="300") == 1
    assert value(found, "leases_ending", **cloud, within="3600") == 2
    assert value(found, "operations_ended_total", kind="start_vm", state="succeeded") == 3
    assert value(found, "operations_ended_total", kind="stop_vm", state="succeeded") == 1
    assert value(found, "processes", kind="worker") == 1
    assert 0 <= value(found, "worker_silent_seconds") < 30
    assert total(found, "database_duration_seconds_count", mode="write", outcome="ok") > 4


def test_operations_that_wait_are_shown_with_their_age(tmp_path: Path) -> None:
    toml = settings(f'url = "sqlite:///{tmp_path}/state.db"\nworker = false')
    with running(toml, tmp_path) as server:
        add_operation(f"sqlite:///{tmp_path}/state.db", age=120.0, late=60.0)
        found = wait_for(lambda: samples(server), lambda one: total(one, "operations") > 0)
    by = {"kind": "stop_vm", "state": "pending"}
    assert value(found, "operations", **by) == 1
    assert 119 < value(found, "operation_oldest_age_seconds", **by) < 180
    assert 59 < value(found, "worker_lag_seconds") < 120


def add_operation(url: str, age: float, late: float) -> None:
    database = Database(url, Path())
    row = operations.insert().values(
        id="a" * 32,
        kind="stop_vm",
        cloud="elsewhere",
        state="pending",
        step="destroy",
        unsettled=False,
        caller="c",
        request_id="r",
        parameters={},
        fence=1,
        attempts=1,
        created_at=now() - age,
        next_attempt_at=now() - late,
        deadline_at=now() + 3600,
    )
    database.write_now(lambda connection: connection.execute(row))
    database.close()


@pytest.mark.parametrize("way", ["refused", "silent"])
def test_a_dead_database_leaves_the_other_metrics(
    postgres: MakeUrl, tmp_path: Path, way: str
) -> None:
    with proxied(postgres()) as (proxy, url):
        shown = url.render_as_string(hide_password=False)
        with running(settings(f'url = "{shown}"\nworker = false'), tmp_path) as server:
            assert value(samples(server), "database_up") == 1
            if way == "refused":
                proxy.refuse()
            else:
                proxy.hold(proxy.to_client, proxy.to_server)
            time.sleep(1.1)
            begun = time.monotonic()
            found = samples(server)
            assert time.monotonic() - begun < 10
            assert ("orchestrator_database_up", ()) in found
            assert value(found, "database_up") == 0
            assert ("orchestrator_destruction_held", ()) not in found
            assert value(found, "cloud_circuit", cloud="fake_driver", state="closed") == 1
            proxy.resume()
            wait_for(lambda: value(samples(server), "database_up"), lambda up: up == 1)


def test_without_a_token_only_a_local_client_is_served(tmp_path: Path) -> None:
    with running(DUMMY + TOKENS, tmp_path, {"OPS_TOKEN": OPS_TOKEN}) as server:

        def status(**headers: str) -> int:
            return loopback.get(f"{server.url}/metrics", headers=headers).status_code

        assert status() == 200
        for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
            assert status(**{name: "127.0.0.1"}) == 403, name
        assert status(Host="rebound.example.com") == 403


@pytest.mark.usefixtures("record")
def test_another_machine_needs_a_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORCHESTRATOR_RUN_DIRECTORY", str(tmp_path))
    app = create_app(Settings())
    client = falcon.testing.TestClient(app)

    def status(address: str) -> int:
        return client.simulate_get("/metrics", host="localhost", remote_addr=address).status_code

    assert (status("192.0.2.1"), status("127.0.0.1"), status("::1")) == (403, 200, 200)


def test_with_a_token_every_client_needs_it(tmp_path: Path) -> None:
    toml = f'{DUMMY}{TOKENS}[metrics]\ntoken = "env:METRICS_TOKEN"\n'
    secrets = {"OPS_TOKEN": OPS_TOKEN, "METRICS_TOKEN": METRICS_TOKEN}
    with running(toml, tmp_path, secrets) as server:

        def get(path: str, token: str | None) -> httpx2.Response:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return loopback.get(f"{server.url}{path}", headers=headers)

        assert get("/metrics", METRICS_TOKEN).status_code == 200
        assert get("/metrics", None).status_code == 401
        assert get("/metrics", OPS_TOKEN).status_code == 401
        assert get("/api/v1/", METRICS_TOKEN).status_code == 401
        server.wait_for_log("login failed")
        assert METRICS_TOKEN not in server.log()
        found = parsed(get("/metrics", METRICS_TOKEN).text)
        assert value(found, "failed_logins_total") == 3


def test_metrics_can_be_turned_off(tmp_path: Path) -> None:
    with running(f"{DUMMY}[metrics]\nenabled = false\n", tmp_path) as server:
        assert loopback.get(f"{server.url}/metrics").status_code == 404
        assert "metrics" not in Path(f"/proc/{server.workers()[0]}/maps").read_text()


def test_the_format_follows_the_accept_header(tmp_path: Path) -> None:
    with running(DUMMY, tmp_path) as server:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = loopback.get(f"{server.url}/metrics", headers=accept)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")


def test_every_metric_has_a_name_of_the_convention() -> None:
    for spec in SPECS:
        assert re.fullmatch(r"orchestrator_[a-z_]+[a-z]", spec.full_name)
        assert spec.meaning.endswith(".")
        assert not spec.full_name.endswith(("_total", "_count", "_sum", "_bucket"))
    assert len({spec.full_name for spec in SPECS}) == len(SPECS)
