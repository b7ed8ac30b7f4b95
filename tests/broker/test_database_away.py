"""Short outages of the database: clear errors during them, and recovery."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import httpx2
import psycopg

from tests.databases import MakeUrl
from tests.stateful import Api, settings, stateful, wait_for


def cut_all(url: str) -> None:
    """End every connection to a database, as a restart of the server would."""
    plain = url.replace("postgresql+psycopg:", "postgresql:")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_connections_that_were_cut_are_made_anew(tmp_path: Path, postgres: MakeUrl) -> None:
    url = postgres()
    with stateful(
        settings(f'url = "{url}"\nretry_delay = 0.1\nmax_retry_delay = 0.5'), tmp_path
    ) as api:
        nodes = [api.started() for _ in range(3)]
        for node in nodes:
            cut_all(url)
            answer = api.stop(node)
            assert answer.status_code == 200, answer.text
        check(api)


def test_a_database_file_that_was_moved_is_not_written_to(tmp_path: Path) -> None:
    with stateful(settings('url = "sqlite:///state.db"\nretry_delay = 0.1'), tmp_path) as api:
        nodes = [api.started() for _ in range(3)]
        file = tmp_path / "state.db"
        files = {one: one.with_name(f"away-{one.name}") for one in tmp_path.glob(f"{file.name}*")}
        for here, away in files.items():
            here.rename(away)
        refused = api.stop(nodes[0])
        assert (refused.status_code, refused.json()["error_code"]) == (503, "state_unavailable")
        assert api.v2("/operations").status_code == 503
        assert set(nodes) <= set(api.nodes())
        assert not file.exists()
        api.server.wait_for_log("was moved, deleted or replaced")
        for here, away in files.items():
            away.rename(here)
        for node in nodes:
            answer = api.stop(node)
            assert answer.status_code == 200, answer.text
        check(api)


def test_no_process_of_a_server_begins_with_another_database(tmp_path: Path) -> None:
    """Replaced workers and those of a reload do not begin with another database."""
    with stateful(settings('url = "sqlite:///state.db"\nretry_delay = 0.1'), tmp_path) as api:
        server, file = api.server, tmp_path / "state.db"
        server.wait_for_log("durable worker ready")
        assert len(re.findall("database created", server.log())) == 1
        node = api.started()
        assert api.assign(node, "ada").status_code == 200
        files = {one: one.with_name(f"away-{one.name}") for one in tmp_path.glob(f"{file.name}*")}
        for here, away in files.items():
            here.rename(away)
        before = server.workers()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        refusal = f"{re.escape(str(file))} is not the database that this server began with"
        server.wait_for_log(refusal, count=2)
        server.signal(signal.SIGHUP)
        server.wait_for_log(f"The new settings are not used; the old workers continue: {refusal}")
        assert not file.exists()
        for away in files.values():
            away.rename(away.with_name(away.name.removeprefix("away-")))
        wait_for(lambda: answers(api), bool)
        assert api.assign(node, "eve").status_code == 400
        assert len(re.findall("database created", server.log())) == 1


def test_a_reload_makes_no_database_where_the_settings_are_mistyped(tmp_path: Path) -> None:
    with stateful(settings('url = "sqlite:///state.db"'), tmp_path) as api:
        api.assign(api.started(), "ada")
        config = tmp_path / "orchestrator.toml"
        config.write_text(config.read_text().replace("state.db", "stat.db"))
        api.server.signal(signal.SIGHUP)
        api.server.wait_for_log("not used; the old workers continue: there is no database in")
        assert not (tmp_path / "stat.db").exists()
        assert [one["user"] for one in api.assignments()] == ["ada"]


def answers(api: Api) -> bool:
    try:
        return bool(api.v2("/operations").status_code == 200)
    except httpx2.TransportError:
        return False


def check(api: Api) -> None:
    for operation in api.operations(kind="stop_vm"):
        assert api.settled(operation["id"])["state"] == "succeeded"
    assert api.nodes() == ["1", "2"]
    assert {one["kind"] for one in api.processes()["processes"]} == {"web", "worker"}
    assert len(api.processes()["processes"]) == 2
