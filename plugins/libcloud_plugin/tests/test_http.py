"""The whole API in front of a real EC2."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def ask(ec2_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Return a function that sends a request to the API and returns HTTP status and JSON."""
    lines = [
        'default_cloud = "aws"',
        "[clouds.aws]",
        'driver = "libcloud"',
        'destroy = "all"',
    ]
    for key, value in ec2_settings.items():
        written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        lines.append(f"{key} = {written}")
    file: Path = tmp_path_factory.mktemp("settings") / "orchestrator.toml"
    file.write_text("\n".join(lines))
    app: Any = create_app(load_settings(file, {}))

    async def send(method: str, path: str, body: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, f"/api/v1{path}", json=body, timeout=30)

    def ask(method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        result = asyncio.run(send(method, path, body))
        return result.status_code, result.json()

    return ask


@pytest.fixture(scope="module")
def image(ask: Ask) -> str:
    image: str = ask("GET", "/images")[1]["images"][0]["id"]
    return image


def nodes(ask: Ask) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in ask("GET", "/nodes")[1]["nodes"]}


def test_the_cloud_is_served(ask: Ask) -> None:
    (cloud,) = ask("GET", "/cloud")[1]["served_cloud"]
    assert (cloud["name"], cloud["host"]) == ("aws", "127.0.0.1")


def test_one_life_of_a_vm(ask: Ask, image: str, key_pair: str) -> None:
    assert any(size["id"] == "t3.small" for size in ask("GET", "/sizes")[1]["flavors"])

    name = f"web-{uuid.uuid4().hex[:6]}"
    wanted = {"name": name, "image": image, "size": "t3.small", "keyname": key_pair}
    status, answer = ask("POST", "/vm/start", {**wanted, "metadata": {"team": "physics"}})
    assert status == 200, answer
    node = answer["nodes"]
    assert (node["name"], node["provider"]) == (name, "ec2")
    assert node["extra"]["tags"] == {"Name": name, "team": "physics"}
    assert nodes(ask)[node["id"]]["state"] == 0

    status, answer = ask("PUT", "/vm/stop", {"hostname": name})
    assert (status, answer["result"]) == (200, f"Node {node['id']} deleted")
    assert nodes(ask)[node["id"]]["state"] == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"keyname": "nobody"}, "keyname: there is no key pair"),
        ({"image": "ami-00000000"}, "ami-00000000"),
        ({"size": "gigantic"}, "gigantic"),
        ({"metadata": {"n": 1}}, "metadata: the value of 'n' must be text"),
    ],
)
def test_what_the_caller_can_mend_is_a_400(
    ask: Ask, image: str, change: dict[str, Any], why: str
) -> None:
    wanted = {"name": "x", "image": image, "size": "t3.small", **change}
    status, answer = ask("POST", "/vm/start", wanted)
    assert status == 400
    assert why in answer["message"]
