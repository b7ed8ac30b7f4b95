"""Startups that fail: the log's lines, and when the server ends."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core.errors import (
    CommitUnconfirmed,
    OrchestratorError,
    PluginError,
    StateUnavailable,
)
from orchestrator_core.server.lifespan import Startup
from tests import loopback
from tests.databases import MakeUrl
from tests.proxy import proxied
from tests.stateful import settings

pytestmark = pytest.mark.anyio


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
    serve: Any, postgres: MakeUrl
) -> None:
    with proxied(postgres()) as (proxy, url):
        shown = url.render_as_string(hide_password=False)
        proxy.hold(proxy.to_client)
        server = serve(settings(f'url = "{shown}"\nworker = false'), up=False)
        server.wait_for_log("The server cannot reach its database")
        assert server.process.poll() is None
        proxy.resume()
        server.wait_until_up(1)
        assert loopback.get(f"{server.url}/api/v2/operations").status_code == 200
        assert "Traceback" not in server.log()
        server.stop()
