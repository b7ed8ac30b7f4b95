"""The running server, as the doctor sees it through its records, `/health` and its metrics."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from orchestrator_core.cli.doctor import (
    clouds,
    leftovers,
    permissions,
    server,
)
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings
from tests.cli.examined import NOTHING, names, running, state, subject_of
from tests.conftest import OPS_TOKEN

SLEEP: Final = shutil.which("sleep") or "sleep"


def test_settings_from_variables_that_are_not_set_here() -> None:
    settings = load_settings(None, {"ORCHESTRATOR__SERVER__KEEPALIVE": "9"})
    origins = {"server.keepalive": "ORCHESTRATOR__SERVER__KEEPALIVE"}
    one = running(settings, origins=origins)
    found = list(server.examine(Subject(None, Settings(), (one,))))
    assert names(found) == ["environment_differs warning"]
    assert "ORCHESTRATOR__SERVER__KEEPALIVE" in found[0].detail


@pytest.fixture
def started() -> Iterator[Callable[..., int]]:
    """Return a function that starts a process with an environment; it returns the pid."""
    with ExitStack() as stack:

        def start(**variables: str) -> int:
            process = stack.enter_context(subprocess.Popen([SLEEP, "60"], env=variables))
            stack.callback(process.terminate)
            return process.pid

        yield start


KEEPALIVE: Final = "ORCHESTRATOR__SERVER__KEEPALIVE"


def test_variables_that_differ_need_a_restart(
    started: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEEPALIVE, "6")
    here, there = (load_settings(None, {KEEPALIVE: value}) for value in ("6", "9"))
    one = running(there, origins={"server.keepalive": KEEPALIVE}, pid=started(**{KEEPALIVE: "9"}))
    without = running(Settings(), pid=started())
    for server_ in (one, without):
        (found,) = server.examine(Subject(None, here, (server_,)))
        assert found.name == "environment_differs"
        assert f"with other values of {KEEPALIVE}, or without them" in found.detail
        assert "restart it: systemctl restart orchestrator" in found.remedy
        assert "kill -HUP" not in found.remedy
    loaded_before = running(there, pid=started(**{KEEPALIVE: "6"}))
    (found,) = server.examine(Subject(None, here, (loaded_before,)))
    assert (found.name, found.remedy) == ("reload_outstanding", f"kill -HUP {loaded_before.pid}")


def test_a_token_in_a_variable_that_differs_needs_a_restart(
    started: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text('[auth]\nmode = "token"\ntokens = {ops = "env:OPS"}\n')
    monkeypatch.setenv("OPS", OPS_TOKEN[::-1])
    there = load_settings(file)
    monkeypatch.setenv("OPS", OPS_TOKEN)
    (found,) = server.examine(
        Subject(file, load_settings(file), (running(there, pid=started(OPS=OPS_TOKEN[::-1])),))
    )
    assert (found.name, "auth.tokens.ops" in found.detail) == ("environment_differs", True)
    assert OPS_TOKEN not in str(found)


def test_the_worker_that_serve_was_told_to_leave_out_is_no_difference() -> None:
    theirs = Settings(state=replace(state(), worker=False))
    one = running(theirs, origins={"state.worker": "ORCHESTRATOR__STATE__WORKER"})
    assert list(server.examine(Subject(None, Settings(state=state()), (one,)))) == []


def test_a_durable_worker_alone_may_be_meant_so() -> None:
    one = running(Settings(), kind="worker")
    assert one.reload == "systemctl restart orchestrator-worker", "SIGHUP would end it"
    assert names(server.examine(Subject(None, Settings(), (one,)))) == ["not_running warning"]
    assert names(server.examine(NOTHING)) == ["not_running problem"]


def test_a_record_cannot_command_the_terminal() -> None:
    one = running(Settings(), refused_at=1.0, refusal="\x1b]0;x\x07 because")
    (found,) = server.examine(Subject(None, Settings(), (one,)))
    assert found.report("server")["detail"].endswith("?]0;x? because")


def test_a_server_that_does_not_answer(closed_port: int) -> None:
    one = running(Settings(), addresses=(f"http://127.0.0.1:{closed_port}",))
    found = list(server.examine(Subject(None, Settings(), (one,))))
    assert names(found) == ["not_answering problem"]


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "open_files", set())
    path = tmp_path / "socket"
    subject = subject_of(tmp_path, f'[server]\nbind = "unix:{path}"\n')
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0o660)
        assert list(permissions.examine(subject)) == []
        path.chmod(0o666)
        assert names(permissions.examine(subject)) == ["socket_open problem"]
        assert "leftover_socket warning" not in names(leftovers.examine(subject))
    assert "leftover_socket warning" in names(leftovers.examine(subject))


HEALTH: Final = {
    "status": "unavailable",
    "checks": [
        {"name": "database", "status": "unavailable", "reason": "The database cannot be reached"},
        {
            "name": "clouds",
            "status": "degraded",
            "reason": "1 of 2 clouds does not work",
            "parts": [{"name": "a", "reason": "it is off"}],
        },
        {"name": "clock", "status": "ok", "reason": None},
    ],
}


class Unready(http.server.BaseHTTPRequestHandler):
    """A server whose database is away."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()
        self.wfile.write(json.dumps(HEALTH).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_is_not_ready() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unready) as unready:
        threading.Thread(target=unready.serve_forever, daemon=True).start()
        one = running(Settings(), addresses=(f"http://0.0.0.0:{unready.server_port}",))
        subject = Subject(None, Settings(), (one,))
        (of_server,), (of_clouds,) = server.examine(subject), clouds.examine(subject)
        unready.shutdown()
    assert "database: The database cannot be reached" in of_server.detail
    assert "1 of 2 clouds does not work: a: it is off" in of_clouds.detail
    assert names([of_server, of_clouds]) == ["not_ready problem", "failing warning"]


MEASURED: Final = """
import sys
from pathlib import Path
from orchestrator_core.metrics.meter import TargetLoad, meter
from orchestrator_core.metrics.recording import record
record(Path(sys.argv[1]))
meter().load("backend", "pool", TargetLoad(0, 0, 0, 2, "open"))
print("measured", flush=True)
input()
"""


def test_threads_that_the_server_has_lost(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MEASURED, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "measured\n"
        subject = Subject(None, Settings(), (running(Settings(), directory=tmp_path),))
        found = list(clouds.examine(subject))
        process.kill()
    assert names(found) == ["circuit_open warning", "threads_lost warning"]
    assert "2 threads of backend pool" in found[1].detail
