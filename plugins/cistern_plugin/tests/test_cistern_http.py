"""Assign, release and status through the whole API, with the dummy cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings

TOML = """
default_cloud = "fake"
[server]
log_level = "error"
[clouds.fake]
driver = "dummy"
store = "file:{store}"
assignment = "brain"
[assignments.brain]
backend = "cistern"
url = "{url}"
timeout = 1
"""
ANN = {"user": "ann", "vm_type": "web"}

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def ask(cistern_server: Any, tmp_path: Path) -> Iterator[Ask]:
    """Return a function that sends a request and returns status and JSON; the VMs are 1 and 2."""
    cistern_server.add("fake", "1", "dummy-1")
    cistern_server.add("fake", "2", "dummy-2", "bob")
    toml = tmp_path / "orchestrator.toml"
    toml.write_text(TOML.format(store=tmp_path / "dummy.db", url=cistern_server.url))
    app: Any = create_app(load_settings(toml, {}))

    def send(method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        result = asyncio.run(_send(app, method, f"/api/v1{path}", body))
        return result.status_code, result.json()

    yield send
    asyncio.run(_end(app))


async def _send(app: Any, method: str, path: str, body: Any) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, json=body)


async def _end(app: Any) -> None:
    events = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

    async def receive() -> dict[str, str]:
        return next(events)

    async def ignore(_message: Any) -> None:
        return

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
    await app(scope, receive, ignore)


def alive(ask: Ask) -> list[str]:
    return [node["id"] for node in ask("GET", "/nodes")[1]["nodes"]]


def test_status_shows_cisterns_records(cistern_server: Any, ask: Ask) -> None:
    status, answer = ask("GET", "/vm/status")
    assert (status, answer) == (200, {"status": "ok", "nodes": cistern_server.nodes["fake"]})


def test_assign_then_release_destroys_the_vm(cistern_server: Any, ask: Ask) -> None:
    status, answer = ask("PUT", "/vm/action/assign", {"hostname": "dummy-1", **ANN})
    assert (status, answer["id_vm"], answer["result"]) == (200, "1", "Node 1 assigned")
    assert cistern_server.nodes["fake"][0]["user"] == "ann"

    status, answer = ask("PUT", "/vm/action/release", {"node": "1"})
    assert (status, answer["id_vm"]) == (200, "1")
    assert answer["result"] == "Node 1 released and deleted"
    assert cistern_server.nodes["fake"][0]["user"] == ""
    assert alive(ask) == ["2"]


def test_a_refusal_is_a_400_with_cisterns_words(ask: Ask) -> None:
    status, answer = ask("PUT", "/vm/action/assign", {"node": "2", **ANN})
    assert (status, answer["message"]) == (400, "Node 2 is already assigned")


def test_a_refused_release_destroys_nothing(ask: Ask) -> None:
    status, answer = ask("PUT", "/vm/action/release", {"node": "1"})
    assert (status, answer["message"]) == (400, "Node 1 is not assigned")
    assert alive(ask) == ["1", "2"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("another id_vm", (502, "invalid_answer")),
        ("html", (502, "invalid_answer")),
        ("pending", (502, "invalid_answer")),
        ("redirect", (502, "invalid_answer")),
        ("500 text", (502, "cloud_unreachable")),
        ("refusal with 500", (400, "refused")),
        ("403", (502, "credentials_refused")),
        ("done and cut", (502, "cloud_unreachable")),
        ("cut in mid-body", (502, "cloud_unreachable")),
        ("silence", (504, "cloud_timeout")),
    ],
)
def test_a_release_that_went_wrong_destroys_nothing(
    cistern_server: Any, ask: Ask, kind: str, expected: tuple[int, str]
) -> None:
    cistern_server.misbehave(kind, on="release")

    status, answer = ask("PUT", "/vm/action/release", {"node": "2"})
    assert (status, answer["error_code"]) == expected
    assert cistern_server.url not in answer["message"]
    assert alive(ask) == ["1", "2"]
    assert len(cistern_server.asked("release")) == 1


def test_an_ambiguous_hostname_destroys_nothing(cistern_server: Any, ask: Ask) -> None:
    cistern_server.add("fake", "3", "dummy-2", "eve", status=5)

    for body in ({"hostname": "dummy-2"}, {"node": "2"}, {"node": "1", "hostname": "dummy-2"}):
        status, answer = ask("PUT", "/vm/action/release", body)
        assert (status, answer["error_code"]) == (400, "invalid_parameter")
        assert "'2'" in answer["message"]
        assert "'3'" in answer["message"]
    assert alive(ask) == ["1", "2"]
    assert cistern_server.asked("release") == []
