"""Plugins with tables of their own: created, upgraded, refused, used by every process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from orchestrator_core.state import schema
from orchestrator_core.state.database import Database
from tests import commands, loopback
from tests.conftest import DUMMY, Serve, Server
from tests.databases import MakeUrl
from tests.stateful import Api, wait_for

CLOUD = '[clouds.sky]\ndriver = "tried"\nassignment = "brain"\ndestroy = "all"\n'
BACKEND = '[assignments.brain]\nbackend = "tried"\n'
EXTENSION = '[extensions.three]\nextension = "tried"\n'
OWNERS = ("assignment_tried", "cloud_tried", "extension_tried")

Run = Callable[..., subprocess.CompletedProcess[str]]


def settings(url: str, more: str = CLOUD + BACKEND) -> str:
    return f'{DUMMY}[state]\nurl = "{url}"\nretry_delay = 0.1\n{more}'


@pytest.fixture
def orchestrator(tried: dict[str, str], clean_environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a command on settings, with one of the plugins' histories."""

    def run(toml: str, *words: str, history: str) -> subprocess.CompletedProcess[str]:
        config = tmp_path / "command.toml"
        config.write_text(toml)
        environment = {**clean_environment, **tried, "TRIED_MIGRATIONS": history}
        return commands.run(*words, "--config", str(config), environment=environment)

    return run


def tables(url: str) -> set[str]:
    database = Database(url, Path())
    found = database.read_now(lambda connection: set(inspect(connection).get_table_names()))
    database.close()
    return found


def columns(url: str, table: str) -> set[str]:
    database = Database(url, Path())
    found = database.read_now(
        lambda connection: {column["name"] for column in inspect(connection).get_columns(table)}
    )
    database.close()
    return found


def pids(url: str, table: str, what: str) -> set[int]:
    database = Database(url, Path())
    query = text(f"SELECT pid FROM {table} WHERE what = :what")  # noqa: S608 - our own names
    found = database.read_now(lambda connection: set(connection.scalars(query, {"what": what})))
    database.close()
    return found


def plugin_states(server: Server) -> dict[str, tuple[str, str | None]]:
    plugins = loopback.get(f"{server.url}/api/v2/plugins").json()["plugins"]
    return {p["kind"]: (p["state"], p["detail"]) for p in plugins if p["name"] == "tried"}


def test_a_first_start_makes_all_tables_and_every_process_uses_them(
    serve: Serve, tried: dict[str, str], database_url: str
) -> None:
    toml = settings(database_url, CLOUD + BACKEND + EXTENSION)
    alone = {"ORCHESTRATOR__STATE__WORKER": "false"}  # A durable worker would list nodes as well.
    server = serve(toml, workers=3, environment={**tried, **alone})
    api = Api(server)
    with api.http:
        assert [len(api.get("/nodes/sky")["nodes"]) for _ in range(2)] == [1, 2]
        assert len(api.get("/vm/status/sky")["nodes"]) == 1
        fourth = api.http.get("/nodes/sky")
        assert (fourth.status_code, fourth.json()["message"]) == (403, "Three are enough")
    assert {f"{owner}__calls" for owner in OWNERS} <= tables(database_url)
    assert {f"alembic_version_{owner}" for owner in OWNERS} <= tables(database_url)
    assert "note" in columns(database_url, "cloud_tried__calls")
    assert {state for state, _ in plugin_states(server).values()} == {"loaded"}
    assert pids(database_url, "cloud_tried__calls", "list_nodes") <= set(server.workers())
    assert "Traceback" not in server.log()


def test_the_durable_worker_s_objects_have_them_too(
    serve: Serve, tried: dict[str, str], database_url: str
) -> None:
    server = serve(settings(database_url), environment=tried)
    durable = int(server.wait_for_log(r"durable worker ready +pid=(\d+)").group(1))
    assert loopback.put(f"{server.url}/api/v1/vm/stop/sky", json={"node": "7"}).status_code == 200
    looked = wait_for(
        lambda: pids(database_url, "cloud_tried__calls", "get_node"), lambda by: durable in by
    )
    assert looked <= {durable, *server.workers()}
    assert pids(database_url, "cloud_tried__calls", "stop_vm") == set(server.workers()) - {durable}


def test_new_settings_and_fresh_credentials_bring_new_objects_that_have_them(
    serve: Serve, tried: dict[str, str], sqlite: MakeUrl
) -> None:
    environment = {"ORCHESTRATOR__STATE__WORKER": "false", "TRIED_CREDENTIALS": "old"}
    server = serve(settings(sqlite()), environment={**tried, **environment})
    url = f"{server.url}/api/v1/nodes/sky"
    assert len(loopback.get(url).json()["nodes"]) == 1
    server.wait_for_log("credentials renewed")
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)
    assert len(loopback.get(url).json()["nodes"]) == 2


def test_upgrade_brings_core_and_plugins_to_the_newest(
    orchestrator: Run, database_url: str
) -> None:
    toml = settings(database_url)
    first = orchestrator(toml, "db", "upgrade", history="one")
    assert first.returncode == 0, first.stderr
    assert f"Upgraded from schema none to {schema.SCHEMA}" in first.stdout
    label = "cloud tried (vm-orchestrator-tried-tables 1.0)"
    assert f"{label}: upgraded from none to 0001" in first.stdout
    assert "note" not in columns(database_url, "cloud_tried__calls")
    assert "extension" not in first.stdout  # which the settings do not name
    behind = orchestrator(toml, "db", "check", history="both")
    assert behind.returncode == 1
    assert (
        f"{label}: its tables have revision 0001, but 0002 is required; run: orch" in behind.stderr
    )
    second = orchestrator(toml, "db", "upgrade", history="both")
    assert second.returncode == 0, second.stderr
    assert f"The database already has schema {schema.SCHEMA}" in second.stdout
    assert f"{label}: upgraded from 0001 to 0002" in second.stdout
    assert "note" in columns(database_url, "cloud_tried__calls")
    third = orchestrator(toml, "db", "upgrade", history="both")
    assert f"{label}: its tables have revision 0002, which is the newest" in third.stdout
    for command in ("current", "check"):
        told = orchestrator(toml, "db", command, history="both")
        assert (told.returncode, told.stderr) == (0, "")
        assert "assignment tried (vm-orchestrator-tried-tables 1.0): its tables" in told.stdout


def test_a_plugin_whose_tables_are_behind_is_not_usable_and_says_so(
    orchestrator: Run, serve: Serve, tried: dict[str, str], database_url: str
) -> None:
    toml = settings(database_url)
    assert orchestrator(toml, "db", "upgrade", history="one").returncode == 0
    server = serve(toml, environment=tried)
    url = f"{server.url}/api/v1"
    answer = loopback.get(f"{url}/nodes/sky")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "cloud_unavailable")
    assert "0002 is required; run: orchestrator db upgrade" in answer.json()["message"]
    assert loopback.get(f"{url}/vm/status/sky").status_code == 503
    assert loopback.get(f"{url}/nodes").status_code == 200
    state, why = plugin_states(server)["cloud"]
    assert (state, why) == (
        "failed",
        "its tables have revision 0001, but 0002 is required; run: orchestrator db upgrade",
    )
    # After an upgrade and new settings it works; nothing else is needed.
    assert orchestrator(toml, "db", "upgrade", history="both").returncode == 0
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_new_workers(old)
    assert loopback.get(f"{url}/nodes/sky").status_code == 200


def test_an_extension_whose_tables_are_behind_fails_as_set(
    orchestrator: Run, serve: Serve, tried: dict[str, str], sqlite: MakeUrl
) -> None:
    toml = settings(sqlite(), EXTENSION)
    assert orchestrator(toml, "db", "upgrade", history="one").returncode == 0
    for on_failure, status in (("deny", 403), ("log", 200)):
        server = serve(f'{toml}on_failure = "{on_failure}"\n', environment=tried)
        assert loopback.get(f"{server.url}/api/v1/nodes").status_code == status
        server.wait_for_log("extension failed")


def test_a_required_plugin_whose_tables_are_behind_stops_the_start(
    orchestrator: Run, sqlite: MakeUrl
) -> None:
    toml = settings(sqlite(), f'{EXTENSION}[plugins]\nrequire = ["tried"]\n')
    assert orchestrator(toml, "db", "upgrade", history="one").returncode == 0
    said = orchestrator(toml, "serve", "--bind", "127.0.0.1:0", history="both")
    assert said.returncode != 0
    assert "run: orchestrator db upgrade" in said.stdout + said.stderr


def test_an_older_plugin_works_on_newer_tables(
    orchestrator: Run, serve: Serve, tried: dict[str, str], sqlite: MakeUrl
) -> None:
    url = sqlite()
    toml = settings(url)
    assert orchestrator(toml, "db", "upgrade", history="both").returncode == 0
    server = serve(toml, environment={**tried, "TRIED_MIGRATIONS": "one"})
    assert loopback.get(f"{server.url}/api/v1/nodes/sky").status_code == 200
    server.wait_for_log("plugin older than its tables")
    told = orchestrator(toml, "db", "upgrade", history="one")
    assert told.returncode == 0
    assert "revision 0002, of a newer version than this one" in told.stdout
    assert "note" in columns(url, "cloud_tried__calls")


def test_a_broken_plugin_keeps_neither_core_nor_others_from_their_upgrade(
    orchestrator: Run, database_url: str
) -> None:
    said = orchestrator(settings(database_url), "db", "upgrade", history="dropping")
    assert said.returncode == 1
    assert f"Upgraded from schema none to {schema.SCHEMA}" in said.stdout
    assert (
        said.stderr.count("make, change or refer to orphan_scans") == 2
    )  # the cloud's and the backend's
    assert {"operations", "orphan_scans"} <= tables(database_url)
    assert not any("tried" in name for name in tables(database_url))


def test_a_server_starts_beside_a_plugin_whose_tables_cannot_be_made(
    serve: Serve, tried: dict[str, str], database_url: str
) -> None:
    environment = {**tried, "TRIED_MIGRATIONS": "raising"}
    server = serve(settings(database_url), environment=environment)
    answer = loopback.get(f"{server.url}/api/v1/nodes/sky")
    assert answer.status_code == 503
    assert "its migrations failed after 0001 (RuntimeError)" in answer.json()["message"]
    assert "what is this" not in answer.text
    server.wait_for_log("RuntimeError: what is this")
    assert loopback.get(f"{server.url}/api/v1/nodes").status_code == 200


def test_a_history_that_forks_is_told(orchestrator: Run, sqlite: MakeUrl) -> None:
    said = orchestrator(settings(sqlite(), EXTENSION), "db", "upgrade", history="forked")
    assert said.returncode == 1
    assert f"Upgraded from schema none to {schema.SCHEMA}" in said.stdout
    assert "migrations 0002 and 0003 both follow 0001" in said.stderr


def test_without_a_database_the_plugin_decides(serve: Serve, tried: dict[str, str]) -> None:
    server = serve(DUMMY + CLOUD + BACKEND, environment=tried)
    answer = loopback.get(f"{server.url}/api/v1/nodes/sky")
    assert (answer.status_code, answer.json()["message"]) == (501, "no [state], no tables")


def test_a_server_whose_tables_are_ready_loads_no_alembic(
    orchestrator: Run, tried: dict[str, str], sqlite: MakeUrl, tmp_path: Path
) -> None:
    assert orchestrator(settings(sqlite()), "db", "upgrade", history="both").returncode == 0
    program = (
        "import sys; from orchestrator_core.app import create_app; "
        "from orchestrator_core.settings.load import load_settings; "
        f"create_app(load_settings({str(tmp_path / 'command.toml')!r})); "
        "sys.exit('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=tried, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
