"""A worker that cannot be replaced just now does not take the server down."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import orchestrator_dummy
from tests import loopback

SETTINGS = """
[clouds.fake_driver]
driver = "dummy"
[clouds.other]
driver = "passing"
[plugins]
require = ["passing"]
"""


def install(target: Path) -> None:
    """Put a copy of the dummy plugin there, under another name."""
    assert orchestrator_dummy.__file__
    shutil.copytree(Path(orchestrator_dummy.__file__).parent, target / "orchestrator_dummy")
    metadata = target / "passing-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: passing\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[orchestrator.clouds.v1]\npassing = orchestrator_dummy:DummyDriver\n"
    )


def test_the_other_workers_go_on_until_it_can(serve: Any, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install(target)
    server = serve(SETTINGS, workers=2, environment={"PYTHONPATH": str(target)})
    server.wait_for_log("ASGI server listening", count=2)
    shutil.rmtree(target)
    first, _second = server.workers()
    os.kill(first, signal.SIGKILL)
    server.wait_for_log("passing: not installed")
    for _ in range(10):
        assert loopback.get(f"{server.url}/api/v1/nodes/other").status_code == 200
    install(target)
    server.wait_for_log("ASGI server listening", count=3)
    assert server.process.poll() is None
