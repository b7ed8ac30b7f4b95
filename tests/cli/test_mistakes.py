"""Likely mistakes of an operator: `check` and `serve` refuse each with the same sentence.

Each is refused before the port opens.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from orchestrator_core.state import schema
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests import commands
from tests.cli.conftest import Run
from tests.cli.mistakes import CLOUD, LOCAL, MISTAKES, WITHOUT
from tests.conftest import Server


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def a_database(file: Path, found: int) -> None:
    database = Database(f"sqlite:///{file}", Path())
    upgrade(database)
    database.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (str(found),))
        connection.execute("UPDATE installation SET oldest_reader = ?", (found,))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "weak").write_text("password")
    (tmp_path / "empty").touch()
    (tmp_path / "strong").write_text("kept-for-this-test-0123456789")
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    yield tmp_path
    closed.chmod(0o755)


@pytest.fixture
def orchestrator(
    folder: Path, clean_environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command for the settings, without root's capabilities.

    Its second argument is the name of a module that is not installed; empty for none.
    """

    def command(name: str, without: str, **more: str) -> subprocess.CompletedProcess[str]:
        config = ("--config", str(folder / "orchestrator.toml"))
        variables = {**clean_environment, "COLUMNS": "200", **more}
        if without:
            modules = folder / "modules"
            modules.mkdir()
            why = f"raise ModuleNotFoundError('no {without}', name={without!r})"
            (modules / f"{without}.py").write_text(why)
            variables["PYTHONPATH"] = f"{modules}:{variables.get('PYTHONPATH', '')}"
        is_forked = not without  # only a forked command can be run without capabilities
        return commands.run(name, *config, environment=variables, cwd=folder, as_root=not is_forked)

    return command


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_sentence(
    orchestrator: Callable[..., subprocess.CompletedProcess[str]],
    folder: Path,
    taken_port: int,
    mistake: str,
    command: str,
) -> None:
    toml, message = MISTAKES[mistake]
    if "newer" in mistake:
        a_database(folder / "newer.db", schema.SCHEMA + 1)
    if "before the first" in mistake:
        a_database(folder / "older.db", schema.FIRST_RELEASED - 1)
    words = {"folder": folder, "file": folder / "orchestrator.toml", "port": taken_port}
    for name, value in words.items():
        toml = toml and toml.replace(f"{{{name}}}", str(value))
        message = message.replace(f"{{{name}}}", str(value))
    if toml is not None:
        (folder / "orchestrator.toml").write_text(toml)
    variables = {}
    if "run directory" in mistake:
        named = "missing" if "is missing" in mistake else "closed"
        variables["ORCHESTRATOR_RUN_DIRECTORY"] = str(folder / named)
    done = orchestrator(command, WITHOUT.get(mistake, ""), **variables)
    assert (done.returncode, done.stdout) == (1, "")
    at = 0
    for part in message.split("..."):
        assert part in done.stderr[at:], done.stderr
        at = done.stderr.index(part, at) + len(part)
    assert "Traceback" not in done.stderr
    assert "Listening at" not in done.stderr


def test_a_mistyped_driver_is_not_offered_for_installation(run: Run, folder: Path) -> None:
    """Its name may be that of a stranger's package."""
    config = folder / "orchestrator.toml"
    config.write_text('[clouds.a]\ndriver = "dumy"\n')
    assert "pip install" not in run("check", "--config", str(config)).stderr
    config.write_text('[clouds.a]\ndriver = "vsphere"\n')
    assert "pip install vm-orchestrator-vsphere" in run("check", "--config", str(config)).stderr


@pytest.mark.parametrize("section", ["[server]", "[metrics]"])
@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_port_in_use_names_the_process(
    run: Run, folder: Path, taken_port: int, command: str, section: str
) -> None:
    config = folder / "orchestrator.toml"
    other = "" if section == "[server]" else LOCAL
    config.write_text(f'{other}{section}\nbind = "127.0.0.1:{taken_port}"\n')
    done = run(command, "--config", str(config))
    assert done.returncode == 1
    assert f"orchestrator: {section} bind: cannot listen on " in done.stderr
    assert "Listening at" not in done.stderr
    # The tests' own process has the program's name in no argument that says it is a server.
    assert f": process {os.getpid()} (" in done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_port_in_use_a_certificate_and_the_database_are_told_together(
    run: Run, folder: Path, taken_port: int, command: str
) -> None:
    config = folder / "orchestrator.toml"
    (folder / "letter.txt").write_text("Dear reader, this is no database.")
    files = f'certificate = "{folder}/none.crt"\nkey = "{folder}/none.key"\n'
    state = f'[state]\nurl = "sqlite:///{folder}/letter.txt"\n'
    config.write_text(
        f'{CLOUD}[server]\nbind = "127.0.0.1:{taken_port}"\n[server.tls]\n{files}{state}'
    )
    done = run(command, "--config", str(config))
    assert done.returncode == 1
    assert "[server] bind: cannot listen on " in done.stderr
    assert f"{folder}/letter.txt is " in done.stderr
    assert f"{folder}/none.crt" in done.stderr


def test_check_takes_the_port_of_a_server_that_runs(run: Run, folder: Path) -> None:
    config = folder / "orchestrator.toml"
    config.write_text(CLOUD)
    # A forked server would have the command line of the fork server.
    command = [*commands.NEW_INTERPRETER, "serve", "--bind", "127.0.0.1:0"]
    command += ["--workers", "1", "--config", str(config)]
    server = Server(command, folder / "log", commands.environment_without_ours())
    try:
        port = server.wait_until_up(1).url.rpartition(":")[2]
        config.write_text(f'{CLOUD}[server]\nbind = "127.0.0.1:{port}"\n')
        done = run("check", "--config", str(config))
    finally:
        server.stop()
    assert (done.returncode, "a server runs there already" in done.stderr) == (0, True)


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_database_that_the_server_does_not_have(
    run: Run, folder: Path, postgres: Callable[[], str], command: str
) -> None:
    url = make_url(postgres()).set(database="nowhere")
    config = folder / "orchestrator.toml"
    config.write_text(f'{LOCAL}[state]\nurl = "{url.render_as_string(hide_password=False)}"\n')
    done = run(command, "--config", str(config))
    assert done.returncode == 1
    assert f"orchestrator: {config}: [state] url: " in done.stderr
    assert 'database "nowhere" does not exist; correct [state] url, or create' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_password_that_is_wrong(
    run: Run, folder: Path, postgres: Callable[[], str], command: str
) -> None:
    url = make_url(postgres())
    _require_password(url, "ann")
    wrong = url.set(username="ann", password="not-hers-123")
    config = folder / "orchestrator.toml"
    config.write_text(f'{LOCAL}[state]\nurl = "env:DATABASE_URL"\n')
    given = {"DATABASE_URL": wrong.render_as_string(hide_password=False)}
    done = run(command, "--config", str(config), **given)
    assert done.returncode == 1
    assert f"orchestrator: {config}: [state] url: " in done.stderr
    assert 'password authentication failed for user "ann"' in done.stderr
    assert "; correct [state] url, or create the user and the database it names" in done.stderr
    assert "Traceback" not in done.stderr
    assert "not-hers-123" not in done.stderr


def _require_password(url: URL, user: str) -> None:
    """Make a user of a PostgreSQL server, which asks for the password of this user alone."""
    uri = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(uri, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone():
            return
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'hers'")
        ((name,),) = connection.execute("SHOW hba_file").fetchall()
        rules = Path(name)
        rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
