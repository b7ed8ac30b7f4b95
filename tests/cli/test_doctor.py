"""``orchestrator doctor`` on a running server, with one real fault after the other."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import trustme

from tests import commands
from tests.conftest import OPS_TOKEN, Server, ec2, environment_without_ours, serve_command
from tests.stateful import wait_for

Findings = dict[str, dict[str, str]]

SETTINGS: Final = """
default_cloud = "fake"
[server.tls]
certificate = "server.pem"
key = "server.key"
[auth]
mode = "token"
tokens = {ops = "file:token"}
[state]
url = "sqlite:///var/state.db"
[clouds.fake]
driver = "dummy"
"""

OF_THE_MACHINE: Final = {"disk_full", "disk_low", "inodes_low", "version_ended"}
"""Findings about the machine that runs the tests."""


class Installation:
    """A server with a database, tokens and TLS, and its doctor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "orchestrator.toml"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.authority = trustme.CA()
        self.certify(90)
        (folder / "token").write_text(OPS_TOKEN)
        (folder / "token").chmod(0o600)
        self.file.write_text(SETTINGS)
        self.environment = {**environment_without_ours(), "TMPDIR": str(self.temporary)}
        self.server = Server(serve_command(self.file), folder / "log", self.environment)

    @property
    def run_directory(self) -> Path:
        (found,) = {one.parent for one in self.temporary.glob("orchestrator-*/server.json")}
        return found

    def certify(self, days: int) -> None:
        """Make a certificate of 90 days that ends in some days."""
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days, hours=1)
        issued = self.authority.issue_cert(
            "127.0.0.1", not_before=ends - dt.timedelta(days=90), not_after=ends
        )
        issued.private_key_pem.write_to_path(self.folder / "server.key")
        (self.folder / "server.key").chmod(0o600)
        issued.cert_chain_pems[0].write_to_path(self.folder / "server.pem")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        config = () if "--config" in arguments else ("--config", str(self.file))
        return commands.run("doctor", *arguments, *config, environment=self.environment)

    def doctor(self, *names: str) -> Findings:
        """Return the findings by name, and check the exit status."""
        ran = self.run("--json", *names)
        assert ran.stderr == ""
        assert OPS_TOKEN not in ran.stdout
        all_ = json.loads(ran.stdout)["findings"]
        assert ran.returncode == int(any(one["level"] == "problem" for one in all_)), ran.stdout
        for one in all_:
            assert one.keys() == {"examination", "name", "level", "detail", "effect", "remedy"}
            assert all(one.values()), one
        found = {one["name"]: one for one in all_ if one["name"] not in OF_THE_MACHINE}
        assert len(found) == len([one for one in all_ if one["name"] not in OF_THE_MACHINE])
        return found

    def reload(self) -> None:
        """Reload the settings, and wait until the old workers have ended."""
        old = self.server.workers()
        ready = self.server.log().count("durable worker ready")
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_new_workers(old)
        self.server.wait_for_log("durable worker ready", count=ready + 1)

    @contextmanager
    def changed(self, text: str) -> Iterator[None]:
        self.file.write_text(text)
        try:
            yield
        finally:
            self.file.write_text(SETTINGS)

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / "var" / "state.db", timeout=20)) as connection:
            for statement in statements:
                connection.execute(statement)
                connection.commit()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    one = Installation(tmp_path_factory.mktemp("doctor"))
    try:
        one.server.wait_for_log("durable worker ready")
        one.server.wait_for_log("ASGI server listening")
        yield one
    finally:
        one.server.stop()


def test_a_healthy_server_has_no_findings(installation: Installation) -> None:
    assert wait_for(installation.doctor, lambda found: not found) == {}
    shown = installation.run("server", "permissions")
    assert shown.stdout.startswith(f"The server with pid {installation.server.process.pid} at http")
    assert shown.stdout.endswith("\n2 examinations: 0 problems, 0 warnings\n")


def test_settings_that_are_not_in_force(installation: Installation) -> None:
    more = "\n[server]\nkeepalive = 7\n"
    with installation.changed(SETTINGS.replace("[server.tls]", f"{more}[server.tls]")):
        found = installation.doctor("server")
        assert found.keys() == {"reload_outstanding"}
        assert "server.keepalive" in found["reload_outstanding"]["detail"]
        assert str(installation.server.process.pid) in found["reload_outstanding"]["remedy"]
    with installation.changed(SETTINGS + "[clouds.fake.breaker]\nfailurs = 1\n"):
        installation.server.signal(signal.SIGHUP)
        installation.server.wait_for_log("The new settings are not used")
        found = wait_for(
            lambda: installation.doctor("server"), lambda found: "reload_refused" in found
        )
        assert found.keys() == {"settings_refused", "reload_refused"}
        for one in found.values():
            assert 'did you mean "failures"?' in one["detail"]
        shown = installation.run("server")
        assert shown.returncode == 1
        assert "\nproblem  server: " in shown.stdout
        assert "Traceback" not in shown.stdout + shown.stderr
    installation.reload()
    assert wait_for(lambda: installation.doctor("server"), lambda found: not found) == {}


def test_a_rotated_token_that_is_not_in_force(installation: Installation) -> None:
    token = installation.folder / "token"
    token.write_text(OPS_TOKEN[::-1])
    try:
        found = installation.doctor("server")
    finally:
        token.write_text(OPS_TOKEN)
    assert "auth.tokens.ops" in found["reload_outstanding"]["detail"]
    assert OPS_TOKEN[::-1] not in json.dumps(found)


def test_a_cloud_that_the_server_has_given_up(installation: Installation, closed_port: int) -> None:
    dead = ec2("dead", closed_port, "retries = 0\nbreaker = {failures = 1, seconds = 60}")
    with installation.changed(SETTINGS + dead):
        installation.reload()
        address = installation.server.wait_for_log(r"Listening at: https://(\S+) ").group(1)
        with httpx2.Client(verify=False) as client:
            answer = client.get(
                f"https://{address}/api/v1/nodes/dead",
                headers={"Authorization": f"Bearer {OPS_TOKEN}"},
                timeout=20,
            )
        assert answer.status_code >= 500
        found = wait_for(
            lambda: installation.doctor("clouds"), lambda found: "circuit_open" in found
        )
    assert found.keys() == {"unreachable", "failing", "circuit_open"}
    assert "ECONNREFUSED" in found["unreachable"]["detail"]
    assert "cloud dead" in found["circuit_open"]["detail"]
    installation.reload()


def test_a_server_that_does_not_run(installation: Installation, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[server]\nbind = "127.0.0.1:1"\n')
    ran = installation.run("--config", str(other), "server", "database")
    assert ran.returncode == 1
    assert f"No server with {other} runs here" in ran.stdout
    host, port = installation.server.wait_for_log(r"at: https://([\d.]+):(\d+) ").groups()
    other.write_text(f'[server]\nbind = "{host}:{port}"\n')
    ran = installation.run("--config", str(other), "server")
    # The lowest pid of those that share the socket is the master's, unless pids wrapped.
    pids = [installation.server.process.pid, *installation.server.workers()]
    assert any(f"process {pid} (" in ran.stdout for pid in pids), ran.stdout


def test_files_that_every_user_may_read_or_write(installation: Installation) -> None:
    database = installation.folder / "var" / "state.db"
    modes = {
        installation.folder / "token": 0o644,
        installation.folder / "server.key": 0o604,
        database: 0o644,
        database.parent: 0o703,
        installation.file: 0o666,
        installation.run_directory: 0o750,
    }
    before = {path: path.stat().st_mode for path in modes}
    for path, mode in modes.items():
        path.chmod(mode)
    try:
        ran = installation.run("--json", "permissions")
    finally:
        for path, mode in before.items():
            path.chmod(mode)
    remedies = [one["remedy"] for one in json.loads(ran.stdout)["findings"]]
    assert sorted(remedies) == sorted(
        [
            f"chmod 600 {installation.folder / 'token'}",
            f"chmod 600 {installation.folder / 'server.key'}",
            f"chmod 600 {database}",
            f"chmod o-w {database.parent}",
            f"chmod o-w {installation.file}",
            f"chmod 700 {installation.run_directory}",
        ]
    )
    assert ran.returncode == 1
    database.chmod(0o644)
    try:
        assert installation.doctor("permissions").keys() == {"database_readable"}
    finally:
        database.chmod(0o600)


def test_a_certificate_near_its_end_and_one_that_is_not_in_use(
    installation: Installation,
) -> None:
    kept = {
        name: (installation.folder / name).read_bytes() for name in ("server.pem", "server.key")
    }
    installation.certify(5)
    try:
        found = installation.doctor("certificates")
    finally:
        for name, content in kept.items():
            (installation.folder / name).write_bytes(content)
    assert found.keys() == {"certificate_ends", "certificate_not_loaded"}
    assert "ends in 5 days" in found["certificate_ends"]["detail"]
    assert found["certificate_ends"]["level"] == "problem"


def test_a_killed_process_has_left_its_folder(installation: Installation) -> None:
    code = (
        "from orchestrator_core import temporary_folder as t; print(t.make(), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=installation.environment,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert installation.doctor("leftovers") == {}
        process.kill()
    unknown = installation.temporary / "orchestrator-unknown"
    unknown.mkdir()
    assert str(folder) in installation.doctor("leftovers")["leftover_folders"]["detail"]
    os.utime(unknown, (1.0, 1.0))
    found = installation.doctor("leftovers")
    assert str(unknown) in found["unknown_folders"]["remedy"]
    installation.reload()
    assert installation.doctor("leftovers").keys() == {"unknown_folders"}
    unknown.rmdir()


def test_a_database_with_much_unused_space(installation: Installation) -> None:
    installation.sql(
        "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 24) SELECT zeroblob(1048576) AS content FROM n",
        "DROP TABLE filler",
    )
    found = installation.doctor("database")
    assert found.keys() == {"unused_space"}
    assert "sqlite3" in found["unused_space"]["remedy"]
    installation.sql("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert installation.doctor("database") == {}


ROW: Final = (
    "INSERT INTO processes VALUES ('{id}', 'web', 'other-host', 7, 'b/1/7/7', '{version}', "
    "{now}, {now})"
)
REMOVED: Final = "DELETE FROM processes WHERE host = 'other-host'"


def test_processes_of_another_machine(installation: Installation) -> None:
    now = time.time()
    installation.sql(ROW.format(id="a" * 32, version="0.0.1", now=now))
    try:
        found = installation.doctor("versions")
        assert found.keys() == {"mixed_versions"}
        assert "other-host (pid 7)" in found["mixed_versions"]["remedy"]
    finally:
        installation.sql(REMOVED)
    installation.sql(ROW.format(id="a" * 32, version="0.0.1", now=now - 50))
    try:
        assert installation.doctor("worker").keys() == {"process_silent"}
    finally:
        installation.sql(REMOVED)
    installation.sql(ROW.format(id="a" * 32, version="0.0.1", now=now + 500))
    try:  # until the next heartbeat of any process corrects it
        assert installation.doctor("clock").keys() <= {"heartbeat_in_future"}
    finally:
        installation.sql(REMOVED)


def test_what_waits_for_an_operator(installation: Installation) -> None:
    frozen = commands.run(
        *("freeze", "--config", str(installation.file)), environment=installation.environment
    )
    assert frozen.returncode == 0, frozen.stderr
    installation.sql(
        "INSERT INTO orphans VALUES ('fake', '77', 'x', 'm', 'o', 'no_operation', 1, 1, 5, NULL, "
        "NULL)",
        "INSERT INTO vms (cloud, node_id, origin, state, protected, generation, created_at, "
        "destroy_started_at) VALUES ('fake', '78', 'started', 'destroying', 0, 0, 1, 1)",
    )
    try:
        found = installation.doctor("worker")
    finally:
        installation.sql("DELETE FROM orphans", "DELETE FROM vms WHERE node_id = '78'")
        commands.run(
            "thaw", "--config", str(installation.file), environment=installation.environment
        )
    assert found.keys() == {"destruction_held", "orphans_undecided", "vms_destroying"}
    assert "78 of fake" in found["vms_destroying"]["detail"]


def test_a_process_with_older_code_than_is_installed(installation: Installation) -> None:
    record = next(iter(installation.run_directory.glob("process-*.json")))
    before = record.read_text()
    data: dict[str, Any] = json.loads(before)
    data["versions"]["vm-orchestrator-dummy"] = "0.0.9"
    record.write_text(json.dumps(data))
    try:
        found = installation.doctor("versions")
    finally:
        record.write_text(before)
    assert found.keys() == {"restart_outstanding"}
    assert "vm-orchestrator-dummy 0.0.9" in found["restart_outstanding"]["detail"]


def test_a_database_that_cannot_be_used(installation: Installation) -> None:
    moved = SETTINGS.replace("var/state.db", "elsewhere/state.db")
    with installation.changed(moved):
        found = installation.doctor("database")
    assert "no database in" in found["database_unusable"]["detail"]
    assert not (installation.folder / "elsewhere").exists()


def test_a_database_that_was_replaced_under_the_server(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    file = tmp_path / "var" / "state.db"
    try:
        one.server.wait_for_log("durable worker ready")
        one.server.wait_for_log("ASGI server listening")
        with (
            closing(sqlite3.connect(file)) as here,
            closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
        ):
            here.backup(copy)
        file.rename(tmp_path / "moved.db")
        shutil.copy(tmp_path / "copy.db", file)
        found = wait_for(lambda: one.doctor("server"), lambda found: "not_ready" in found)
        assert "was moved or replaced under it" in found["not_ready"]["detail"]
        assert f"Put the file back that was at {file}" in found["not_ready"]["remedy"]
    finally:
        one.server.stop()


def test_a_server_with_another_file_is_named(installation: Installation, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    # Other tests run servers too; that on the same address is named first.
    (address,) = installation.server.wait_for_log(r"at: https://([\d.]+:\d+) ").groups()
    other.write_text(f'[server]\nbind = "{address}"\n')
    ran = installation.run("server", "--config", str(other))
    pid = installation.server.process.pid
    assert f"; the server with pid {pid} runs with {installation.file}." in ran.stdout
    assert f"Examine that one: orchestrator doctor --config {installation.file};" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(("--list",), "leftovers     folders and sockets"), (("--help",), "examinations")],
)
def test_its_examinations_are_listed(
    installation: Installation, arguments: tuple[str, ...], shown: str
) -> None:
    assert shown in installation.run(*arguments).stdout


def test_an_unknown_examination_is_refused(installation: Installation) -> None:
    ran = installation.run("databse")
    assert ran.returncode == 2
    assert "'databse' is none of" in ran.stderr
