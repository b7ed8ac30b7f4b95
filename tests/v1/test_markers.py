"""The core's markers on a node: they show in no answer of version 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from orchestrator_core import Image, PluginContext, Size, StartRequest
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.driver import DummySettings
from tests import loopback
from tests.conftest import DUMMY, running

MARKER = f"0123456789ab-{'d' * 32}"


def test_no_answer_shows_a_marker(tmp_path: Path) -> None:
    store = f"file:{tmp_path / 'cloud.db'}"
    cloud = DummyDriver(
        PluginContext("fake_driver", tmp_path), DummySettings().load({"store": store})
    )
    cloud.start_vm(StartRequest("x", Image("1", "i"), Size("1", "s"), marker=MARKER))
    with running(f'{DUMMY}store = "{store}"\n', tmp_path) as server:

        def ask(method: str, path: str, **more: Any) -> httpx2.Response:
            return loopback.request(method, f"{server.url}/api/v1{path}", timeout=20, **more)

        answers = [
            ask("GET", "/nodes"),
            ask("PUT", "/vm/action/reboot", json={"node": "3"}),
            ask("PUT", "/vm/stop", json={"node": "3"}),
        ]
    assert [node["id"] for node in answers[0].json()["nodes"]] == ["1", "2", "3"]
    for answer in answers:
        assert answer.status_code == 200
        assert MARKER not in answer.text
        assert '"marker"' not in answer.text
