"""Servers without a token: they listen on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings
from tests import commands, loopback
from tests.conftest import OPS_TOKEN


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0", "some-name.example:0"])
def test_it_refuses_to_start_and_names_the_ways_out(
    clean_environment: dict[str, str], bind: str
) -> None:
    refused = commands.run("serve", "--bind", bind, environment=clean_environment)
    assert refused.returncode == 1
    for way_out in ('[auth] mode = "token"', "127.0.0.1", "unix:PATH"):
        assert way_out in refused.stderr
    assert "Traceback" not in refused.stderr


def test_with_a_token_it_starts(serve: Any) -> None:
    settings = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
    server = serve(settings, bind="0.0.0.0:0", environment={"OPS_TOKEN": OPS_TOKEN})
    url = server.url.replace("0.0.0.0", "127.0.0.1") + "/api/v1/"
    assert loopback.get(url).status_code == 401
    assert loopback.get(url, headers={"X-Auth-Token": OPS_TOKEN}).status_code == 200


def test_a_unix_socket_needs_no_token(serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = serve(bind=f"unix:{path}", up=False)
    server.wait_for_log("ASGI server listening")
    with loopback.client(transport=httpx2.HTTPTransport(uds=str(path))) as client:
        assert client.get("http://x/api/v1/nodes").status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("[::1]", 200), ("192.0.2.7", 403), ("[::2]", 403)]
)
async def test_under_any_other_server_strangers_are_refused(host: str, status: int) -> None:
    app = create_app(load_settings(None, {}))
    transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]  # dict, not MutableMapping
    async with httpx2.AsyncClient(transport=transport) as client:
        answer = await client.get(f"http://{host}/api/v1/")
    assert answer.status_code == status
