"""``orchestrator doctor`` on a running server: its settings, its clouds and the command itself."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx2
import pytest

from tests.cli.installed import SETTINGS, Installation
from tests.conftest import OPS_TOKEN, ec2
from tests.stateful import wait_for


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
    remedy = found["unreachable"]["remedy"]
    assert remedy.startswith("Check that the service runs, that the address in [clouds.dead] is r")
    assert f"; then look again: orchestrator check --connect --config {installation.file}" in remedy
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
