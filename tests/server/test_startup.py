"""Startups that fail: the log's lines, and when the server ends."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator_core.errors import (
    CommitUnconfirmed,
    OrchestratorError,
    PluginError,
    StateUnavailable,
)
from orchestrator_core.server.lifespan import Startup
from tests import loopback
from tests.conftest import Serve
from tests.databases import MakeUrl
from tests.proxy import proxied
from tests.stateful import settings

pytestmark = pytest.mark.anyio

IMPORTED: Final = re.compile(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", re.MULTILINE)

UNUSED: Final = frozenset(
    {
        *("alembic", "apispec", "cryptography", "httpx2", "jsonschema", "libcloud"),
        *("opentelemetry", "psycopg", "pygments", "requests", "sqlalchemy"),
    }
)
"""Packages for parts that the settings of the test do not have, for plugins that they do not name,
or for other commands. Rich, which draws the tables of commands, imports pygments.
"""

BY_MASTER: Final = ("falcon", "orchestrator_core", "prometheus_client")
"""Packages that gunicorn's master imports for all workers; each worker imports the plugins."""


async def fail(error: Exception) -> tuple[Startup, str]:
    """Make an application's startup raise; return the wrapper and the text that the log gets."""
    told: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        import traceback  # noqa: PLC0415

        try:
            raise error  # noqa: TRY301 - so that it has a frame
        except Exception:  # noqa: BLE001 - as Falcon does
            text = traceback.format_exc()
            await send({"type": "lifespan.startup.failed", "message": text})

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    startup = Startup(application, lambda: None)
    await startup({"type": "lifespan"}, None, send)
    return startup, told[0]["message"]


@pytest.mark.parametrize(
    "error", [StateUnavailable(), CommitUnconfirmed(), PluginError("no such plugin")]
)
async def test_an_error_of_ours_is_one_line(error: OrchestratorError) -> None:
    startup, said = await fail(error)
    assert said == error.message
    assert startup.is_database_away == isinstance(error, StateUnavailable)


async def test_a_fault_of_the_program_keeps_its_frames() -> None:
    startup, said = await fail(ValueError("a fault"))
    assert "Traceback" in said
    assert not startup.is_database_away


def test_a_database_that_falls_silent_during_the_start_does_not_end_the_server(
    serve: Any, postgres: MakeUrl, tmp_path: Path
) -> None:
    with proxied(postgres()) as (proxy, url):
        shown = url.render_as_string(hide_password=False)
        proxy.hold(proxy.to_client)
        environment = {"TMPDIR": str(tmp_path)}
        toml = settings(f'url = "{shown}"\nworker = false')
        server = serve(toml, up=False, environment=environment)
        server.wait_for_log("The server cannot reach its database")
        assert server.process.poll() is None
        assert not list(tmp_path.glob("orchestrator-check-*")), "left by the check of the settings"
        proxy.resume()
        server.wait_until_up(1)
        assert loopback.get(f"{server.url}/api/v2/operations").status_code == 200
        assert "Traceback" not in server.log()
        server.stop()


def test_a_server_imports_what_it_serves_with_once_and_nothing_else(serve: Serve) -> None:
    server = serve(workers=2, environment={"PYTHONPROFILEIMPORTTIME": "1"})
    with loopback.client(server.url) as http:
        assert http.get("/api/v1/nodes").status_code == 200
    counted = Counter(IMPORTED.findall(server.log()))
    assert counted["orchestrator_core.api.application"] == 1
    assert {name.partition(".")[0] for name in counted} & UNUSED == set()
    again = {name for name, count in counted.items() if count > 1 and name.startswith(BY_MASTER)}
    assert again == set()
