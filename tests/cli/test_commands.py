"""The command line, as an operator uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import loopback
from tests.cli.conftest import Run

CLOUD = '[clouds.fake_driver]\ndriver = "dummy"\n'


def config(tmp_path: Path, toml: str) -> str:
    path = tmp_path / "orchestrator.toml"
    path.write_text(toml)
    return str(path)


def test_check_tells_that_settings_are_valid(run: Run, tmp_path: Path) -> None:
    said = run("check", "--config", config(tmp_path, CLOUD))
    assert said.returncode == 0, said.stderr
    assert "fake_driver" in said.stdout
    assert "valid" in said.stdout


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[servr]", 'did you mean "server"?'),
        (f'{CLOUD}store = "disk"', '[clouds.fake_driver] store: must be "memory" or "file:PATH"'),
        (f'{CLOUD}stoer = "x"', 'did you mean "store"?'),
        ('[clouds.a]\ndriver = "dumy"', 'did you mean "dummy"?'),
        (f'{CLOUD}[plugins]\nrequire = ["x"]', "x: not installed"),
    ],
)
def test_check_tells_what_is_wrong(run: Run, tmp_path: Path, toml: str, message: str) -> None:
    said = run("check", "--config", config(tmp_path, toml))
    assert said.returncode == 1
    assert said.stderr.startswith("orchestrator: ")
    assert message in said.stderr
    assert "Traceback" not in said.stderr


def test_check_looks_at_no_database_and_leaves_no_trace_of_one(run: Run, tmp_path: Path) -> None:
    state = '[state]\nurl = "sqlite:///var/state.db"\n'
    assert run("check", "--config", config(tmp_path, state + CLOUD)).returncode == 0
    assert not (tmp_path / "var").exists()
    wrong = run("check", "--config", config(tmp_path, f'[state]\nurl = "mysql://x"\n{CLOUD}'))
    assert wrong.returncode == 1
    assert "[state] url: must be sqlite:///PATH or postgresql" in wrong.stderr


def test_check_connect_tries_each_and_shows_no_secret(run: Run, tmp_path: Path) -> None:
    toml = f"""{CLOUD}
[clouds.gone]
driver = "libcloud"
provider = "ec2"
key = "env:THE_KEY"
secret = "env:THE_SECRET"
host = "127.0.0.1"
port = 9
secure = false
region = "us-east-1"
[clouds.science]
driver = "libcloud"
provider = "openstack"
[clouds.science.auth]
auth_url = "http://127.0.0.1:9/v3"
username = "ada"
password = "env:THE_SECRET"
project_name = "physics"
user_domain_name = "Default"
project_domain_name = "Default"
[assignments.brain]
backend = "cistern"
url = "http://127.0.0.1:9/api/v1"
"""
    secrets = {"THE_KEY": "AKIAHUNTER1", "THE_SECRET": "hunter2-secret"}
    wide = {"COLUMNS": "250"}
    said = run("check", "--connect", "--config", config(tmp_path, toml), **secrets, **wide)
    assert said.returncode == 1
    rows = {line.split("│")[1].strip(): line for line in said.stdout.splitlines() if "│" in line}
    assert "reached" in rows["fake_driver"]
    for name in ("gone", "science", "brain"):
        assert "cannot be reached" in rows[name]
        assert "127.0.0.1:9: ECONNREFUSED" in rows[name]  # for operators; callers never see it
    for secret in secrets.values():
        assert secret not in said.stdout + said.stderr


def test_init_copies_and_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    assert run("init", "etc").returncode == 0
    settings = tmp_path / "etc" / "orchestrator.toml"
    assert run("check", "--config", str(settings)).returncode == 0
    settings.write_text("# mine\n")
    assert "was not changed" in run("init", "etc").stdout
    assert settings.read_text() == "# mine\n"
    assert (tmp_path / "etc" / "gunicorn.conf.py").exists()


def test_version(run: Run) -> None:
    assert run("--version").stdout.startswith("orchestrator, version 0.")


def test_serve_with_wrong_settings_says_so_and_ends(run: Run, tmp_path: Path) -> None:
    said = run("serve", "--config", config(tmp_path, "[servr]"))
    assert said.returncode == 1
    assert 'did you mean "server"?' in said.stderr
    assert "Traceback" not in said.stderr


def test_the_core_alone_starts_and_says_what_to_do(serve: Any) -> None:
    server = serve("")
    assert loopback.get(f"{server.url}/api/v1/").json() == {"status": "ok"}
    answer = loopback.get(f"{server.url}/api/v1/nodes")
    assert (answer.status_code, answer.json()["message"]) == (500, "Cloud not valid or wrong path")
    server.wait_for_log("no cloud is configured")
    assert "pip install vm-orchestrator-dummy" in server.log()


def test_init_where_a_file_stands_in_the_way(run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    said = run("init", "taken/here")
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert "taken" in said.stderr


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("here", "HOST:PORT"),
        ("127.0.0.1:70000", "a port is a number from 1 to 65535"),
        ("127.0.0.1:1\n", "HOST:PORT"),
    ],
)
def test_serve_refuses_an_address_that_is_none(run: Run, address: str, why: str) -> None:
    said = run("serve", "--bind", address)
    assert said.returncode == 2
    assert why in said.stderr


STATE = '[state]\nurl = "sqlite:///state.db"\n'


@pytest.mark.parametrize(
    ("state", "outcome", "status"),
    [
        (STATE, "no database in", 0),
        (f"{STATE}[assignments.given]\nbackend = 'given'\n", "no database in", 0),
        (
            '[state]\nurl = "postgresql+psycopg://user:hunter2@127.0.0.1:9/x"\n',
            "postgresql+psycopg://user:***@",
            1,
        ),
    ],
)
def test_check_connect_tries_the_database_too(
    run: Run, tmp_path: Path, state: str, outcome: str, status: int
) -> None:
    said = run("check", "--connect", "--config", config(tmp_path, f"{state}{CLOUD}"))
    (row,) = (line for line in said.stdout.splitlines() if "│ [state]" in line)
    assert (said.returncode, outcome in row) == (status, True)
    assert "hunter2" not in said.stdout + said.stderr
    assert not (tmp_path / "state.db").exists()


def test_check_shows_the_default_backend_of_a_server_with_a_database(
    run: Run, tmp_path: Path
) -> None:
    said = run("check", "--connect", "--config", config(tmp_path, f"{STATE}{CLOUD}"))
    (row,) = (line for line in said.stdout.splitlines() if "given" in line)
    assert "reached" in row
    assert "given" not in run("check", "--config", config(tmp_path, CLOUD)).stdout


def test_check_says_that_a_backend_lacks_the_database(run: Run, tmp_path: Path) -> None:
    toml = f"{CLOUD}assignment = 'given'\n[assignments.given]\nbackend = 'given'\n"
    said = run("check", "--config", config(tmp_path, toml))
    (row,) = (line for line in said.stdout.splitlines() if "│ given" in line)
    assert "needs a database; this server has no [state]" in row
    assert said.stderr.endswith(
        "warning: [assignments.given] needs a database; this server has no [state]; add to the "
        'settings: [state] url = "sqlite:///var/orchestrator.db"\n'
    )
