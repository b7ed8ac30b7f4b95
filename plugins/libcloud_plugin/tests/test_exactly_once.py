"""Exactly once through real Libcloud, against moto's EC2."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestrator_core.faultpoints import VARIABLE
from tests import commands
from tests.conftest import running
from tests.stateful import Api, wait_for

SECRETS = {"TEST_EC2_KEY": "AKIAIOSFODNN7EXAMPLE", "TEST_EC2_SECRET": "wJalrXUtnFEMIexample"}

POINTS = ("start.recorded", "start.answered", "stop.recorded")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder: a file named after a fault point kills the process that reaches it."""
    return tmp_path_factory.mktemp("exactly-once")


@pytest.fixture(scope="module")
def api(ec2_settings: dict[str, Any], folder: Path) -> Iterator[Api]:
    lines = [
        'default_cloud = "aws"',
        '[state]\nurl = "sqlite:///state.db"\nretry_delay = 0.2\nmax_retry_delay = 1',
        '[clouds.aws]\ndriver = "libcloud"\nvisibility_timeout = 1\ndestroy = "own"',
    ]
    for key, value in ec2_settings.items():
        written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        lines.append(f"{key} = {written}")
    points = ",".join(f"{point}@{folder / point}" for point in POINTS)
    with running("\n".join(lines), folder, {**SECRETS, VARIABLE: points}) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            yield api


def test_a_check_starts_and_destroys_a_vm_beside_the_server(api: Api, folder: Path) -> None:
    before = living(api)
    variables = {**commands.environment_without_ours(), **SECRETS}
    config = str(folder / "orchestrator.toml")
    said = commands.run(
        "check", "--start", "--yes", "--config", config, environment=variables, cwd=folder
    )
    assert said.returncode == 0, said.stderr
    assert " (orchestrator-check-" in said.stdout
    assert " gone after " in said.stdout
    assert living(api) == before


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
    """Return the id of the newest operation, once a worker answers again."""

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
        return api.http.post("/vm/start", json=wanted, headers={"Idempotency-Key": "crowd"})

    with ThreadPoolExecutor(20) as threads:
        statuses = {answer.status_code for answer in threads.map(start, range(20))}
    assert statuses <= {200, 409}
    assert 200 in statuses
    (new,) = living(api) - before
    assert start(0).json()["nodes"]["id"] == new


@pytest.mark.parametrize("point", ["start.recorded", "start.answered"])
def test_a_start_whose_server_was_killed_is_there_once_or_not_at_all(
    api: Api, folder: Path, point: str
) -> None:
    before, wanted = living(api), order(api)
    key = {"Idempotency-Key": point}
    (folder / point).touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.http.post("/vm/start", json=wanted, headers=key)
    state = settled(api, only_operation(api, kind="start_vm"))
    again = api.http.post("/vm/start", json=wanted, headers=key)
    new = living(api) - before
    if point == "start.recorded":
        assert (state, new, again.status_code) == ("failed", set(), 502)
    else:
        assert (state, {again.json()["nodes"]["id"]}) == ("succeeded", new)


def test_a_stop_whose_server_was_killed_is_carried_to_its_end(api: Api, folder: Path) -> None:
    answer = api.http.post("/vm/start", json=order(api))
    node = answer.json()["nodes"]["id"]
    assert node in living(api)
    (folder / "stop.recorded").touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.stop(node)
    assert settled(api, only_operation(api, kind="stop_vm", node=node)) == "succeeded"
    assert node not in living(api)
