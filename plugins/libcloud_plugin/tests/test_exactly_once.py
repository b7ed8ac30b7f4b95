"""Exactly once through real Libcloud, against moto's EC2."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.faultpoints import VARIABLE
from tests.conftest import Serve, clean_environment, serve
from tests.stateful import Api, wait_for

__all__ = ["clean_environment", "serve"]

SECRETS = {"TEST_EC2_KEY": "AKIAIOSFODNN7EXAMPLE", "TEST_EC2_SECRET": "wJalrXUtnFEMIexample"}

POINTS = ("start.recorded", "start.answered", "stop.recorded")


@pytest.fixture
def api(serve: Serve, ec2_settings: dict[str, Any], tmp_path: Path) -> Iterator[Api]:
    lines = [
        'default_cloud = "aws"',
        '[state]\nurl = "sqlite:///state.db"\npause = 0.2\nlongest_pause = 1',
        '[clouds.aws]\ndriver = "libcloud"\nvisibility = 1\ndestroy = "own"',
    ]
    for key, value in ec2_settings.items():
        written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        lines.append(f"{key} = {written}")
    points = ",".join(f"{point}@{tmp_path / point}" for point in POINTS)
    server = serve("\n".join(lines), environment={**SECRETS, VARIABLE: points})
    server.wait_for_log("durable worker ready")
    running = Api(server)
    with running.http:
        yield running


def order(api: Api) -> dict[str, str]:
    image = api.get("/images")["images"][0]["id"]
    return {"name": "web", "image": image, "size": "t3.small"}


def living(api: Api) -> set[str]:
    return {node["id"] for node in api.get("/nodes")["nodes"] if node["state"] != 2}


def settled(api: Api, operation_id: str) -> str:
    def look() -> str:
        try:
            return str(api.operation(operation_id)["state"])
        except httpx2.TransportError:
            return "no answer"

    found: str = wait_for(look, lambda state: state in ("succeeded", "failed"))
    return found


def only_operation(api: Api, **filters: str) -> str:
    """The id of the newest operation, once a worker answers again."""

    def look() -> list[str]:
        try:
            return [operation["id"] for operation in api.operations(**filters)]
        except httpx2.TransportError:
            return []

    found: list[str] = wait_for(look, bool)
    return found[0]


def test_one_key_sent_twenty_times_starts_one_vm(api: Api) -> None:
    before, wanted = living(api), order(api)

    def start(_: int) -> httpx2.Response:
        return httpx2.post(
            f"{api.server.url}/api/v1/vm/start",
            json=wanted,
            headers={"Idempotency-Key": "crowd"},
            timeout=60,
        )

    with ThreadPoolExecutor(20) as threads:
        statuses = {answer.status_code for answer in threads.map(start, range(20))}
    assert statuses <= {200, 409}
    assert 200 in statuses
    (new,) = living(api) - before
    assert start(0).json()["nodes"]["id"] == new


@pytest.mark.parametrize("point", ["start.recorded", "start.answered"])
def test_a_start_whose_server_was_killed_is_there_once_or_not_at_all(
    api: Api, tmp_path: Path, point: str
) -> None:
    before, wanted = living(api), order(api)
    key = {"Idempotency-Key": "killed"}
    (tmp_path / point).touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.http.post("/vm/start", json=wanted, headers=key)
    state = settled(api, only_operation(api, kind="start_vm"))
    again = api.http.post("/vm/start", json=wanted, headers=key)
    new = living(api) - before
    if point == "start.recorded":
        assert (state, new, again.status_code) == ("failed", set(), 502)
    else:
        assert (state, {again.json()["nodes"]["id"]}) == ("succeeded", new)


def test_a_stop_whose_server_was_killed_is_carried_to_its_end(api: Api, tmp_path: Path) -> None:
    answer = api.http.post("/vm/start", json=order(api))
    node = answer.json()["nodes"]["id"]
    assert node in living(api)
    (tmp_path / "stop.recorded").touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.stop(node)
    assert settled(api, only_operation(api, kind="stop_vm", node=node)) == "succeeded"
    assert node not in living(api)
