"""Redaction in log lines of threads, processes and gunicorn's access log."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import loopback
from tests.conftest import DUMMY, OPS_TOKEN, environment_without_ours

PROGRAM = """
import gc, sys, threading
from orchestrator_core import register_secret
from orchestrator_core.log import configure_logging
from orchestrator_core.settings.model import ServerSettings

configure_logging(ServerSettings(log_format=sys.argv[1], log_level="debug"))
secret = sys.stdin.read()
register_secret(secret)
import logging
logging.getLogger("a.library").warning("it said %s", secret)

def fail(value=secret * 3):
    raise RuntimeError(f"it said {value!r}")

class Final:
    def __del__(self):
        fail()

thread = threading.Thread(target=fail)
thread.start()
thread.join()
Final()
gc.collect()
fail()
"""


@pytest.mark.parametrize("form", ["console", "json"])
def test_whatever_ends_a_thread_or_the_process_is_logged_without_secrets(form: str) -> None:
    secret = 'of"the\\session-' + "x" * 90 + "ending-1"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, form],
        input=secret,
        capture_output=True,
        text=True,
        env=environment_without_ours(),
        check=False,
    )
    assert done.returncode == 1
    written = done.stdout + done.stderr
    for event in ("it said ***", "thread failed", "error in a finalizer", "uncaught error"):
        assert event in written
    for text in (secret, json.dumps(secret)[1:-1], 'of"the', "session-xxx", "ending-1"):
        assert text not in written


def test_the_access_log_holds_no_secret(tmp_path: Path) -> None:
    config = tmp_path / "orchestrator.toml"
    config.write_text(f'{DUMMY}[auth]\nmode = "token"\ntokens = {{ ops = "env:OPS" }}\n')
    wsgi = Path(__file__).parents[2] / "conf" / "gunicorn.conf.py"
    log = tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "-c", str(wsgi), "--bind", "127.0.0.1:0",
               "--workers", "1", "--access-logfile", "-",
               "orchestrator_core.app:create_app()"]  # fmt: skip
    variables = {"OPS": OPS_TOKEN, "ORCHESTRATOR_CONFIG": str(config)}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env={**environment_without_ours(), **variables}, stdout=stream, stderr=stream
        )
    try:
        url = _address(log)
        coded = base64.b64encode(f"x:{OPS_TOKEN}".encode()).decode()
        for query in (OPS_TOKEN, coded, OPS_TOKEN.replace("f", "%66")):
            loopback.get(f"{url}/api/v1/nodes?token={query}")
        written = _wait_for(log, r"(?s)(GET /api/v1/nodes\?token=.*?\n.*?){3}")
    finally:
        process.terminate()
        process.wait(20)
    assert written.count("***") == 3
    for hidden in (OPS_TOKEN, coded, OPS_TOKEN.replace("f", "%66")):
        assert hidden not in log.read_text()


def _address(log: Path) -> str:
    found = re.search(r"Listening at: (http://[\d.:]+)", _wait_for(log, "ASGI server listening"))
    assert found is not None
    return found[1]


def _wait_for(log: Path, pattern: str) -> str:
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        if re.search(pattern, text := log.read_text()):
            return text
        time.sleep(0.02)
    raise AssertionError(log.read_text())
