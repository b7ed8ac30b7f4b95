"""Records on the command line: the same objects as the answers of version 2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core import Image, Size, StartRequest
from orchestrator_core.api.v2 import schemas
from tests.broker.conftest import console
from tests.cli.conftest import Run
from tests.stateful import START, Api, settings, stateful, wait_for

STATE = 'url = "sqlite:///state.db"\norphan_scan_interval = 0.5'
Command = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Api]:
    with stateful(settings(STATE, f'store = "file:{folder}/cloud.db"'), folder) as running:
        running.assign(running.started(), user="ann", lease="8h")
        running.assign(running.started(), user="bob", vm_type="cad")
        ended = running.started()
        running.assign(ended, user="cy")
        running.release(ended)
        yield running


@pytest.fixture
def command(run: Run, folder: Path) -> Command:
    """Return a function that runs a command beside the server and returns its output."""
    config = str(folder / "orchestrator.toml")

    def told(*arguments: str) -> str:
        said = run(*arguments, ORCHESTRATOR_CONFIG=config, COLUMNS="80")
        assert said.returncode == 0, said.stderr
        return str(said.stdout)

    return told


@pytest.mark.parametrize("key", ["operations", "assignments"])
def test_a_list_is_that_of_the_api(api: Api, command: Command, key: str) -> None:
    assert json.loads(command(key, "list", "--json")) == api.read(f"/{key}")
    for limit in (1, 2):
        page = json.loads(command(key, "list", "--json", "--limit", str(limit)))
        assert page == api.read(f"/{key}", limit=str(limit))
        rest = command(key, "list", "--json", "--cursor", page["next"])
        assert json.loads(rest) == api.read(f"/{key}", cursor=page["next"])


@pytest.mark.parametrize("key", ["operations", "assignments"])
def test_one_record_is_that_of_the_api(api: Api, command: Command, key: str) -> None:
    for one in api.read(f"/{key}")[key]:
        assert json.loads(command(key, "show", one["id"])) == api.read(f"/{key}/{one['id']}")


def test_filters_of_assignments(api: Api, command: Command) -> None:
    def users(*options: str) -> list[str]:
        found = json.loads(command("assignments", "list", "--json", *options))["assignments"]
        return [one["user"] for one in found]

    (ann,) = api.assignments(user="ann")
    assert users("--user", "ann") == users("--node", ann["node"]) == ["ann"]
    assert users("--application", "cad", "--state", "active", "--cloud", "default") == ["bob"]


def test_assignments_take_a_few_short_lines(api: Api, command: Command) -> None:
    (ann,) = api.assignments(user="ann")
    lines = command("assignments", "list", "--user", "ann").splitlines()
    node = ann["node"]
    assert lines[0] == f"{ann['id']} active node {node} (dummy-{node}) in fake_driver"
    assert lines[1].startswith("  ann for app, generation 1, recorded 20")
    assert ", lease until 20" in lines[1]


def test_the_next_page_is_offered(run: Run, folder: Path, api: Api) -> None:
    config = {"ORCHESTRATOR_CONFIG": str(folder / "orchestrator.toml")}
    said = run("operations", "list", "--limit", "1", **config)
    cursor = api.read("/operations", limit="1")["next"]
    assert said.stderr == f"There are more: --cursor {cursor}\n"
    wrong = run("operations", "list", "--cursor", "x", **config)
    assert (wrong.returncode, "--cursor" in wrong.stderr) == (2, True)
    for key in ("operations", "assignments"):
        unknown = run(key, "show", "nothing", **config)
        assert (unknown.returncode, "There is no" in unknown.stderr) == (1, True)


def test_orphans_and_the_status_are_those_of_the_api(
    api: Api, command: Command, folder: Path
) -> None:
    refused = api.http.post("/vm/start", json={**START, "image": "77"})
    marker = f"{command('db', 'check').split()[-1]}-{refused.json()['operation']}"
    node = console(folder).start_vm(StartRequest("x", Image("1", ""), Size("1", ""), marker=marker))

    def same(said: str, path: str) -> bool:
        """Compare without what a scan or a heartbeat changes at any moment."""
        shown: Any = json.loads(said)
        told: Any = api.read(path)
        moving = ("last_seen_at", "times_seen", "seen_at", "silent", "ended_at", "nodes")
        for rows in (*shown.values(), *told.values()):
            for row in rows if isinstance(rows, list) else ():
                for key in moving:
                    row.pop(key, None)
        return bool(shown == told)

    wait_for(api.orphans, lambda found: [one["node"] for one in found] == [node.id])
    wait_for(lambda: same(command("orphans", "list", "--json"), "/orphans"), bool)
    assert f"{node.id} (dummy-{node.id}) in fake_driver: its start" in command("orphans", "list")
    said = command("status", "--json")
    assert same(said, "/processes")
    assert not schemas.ProcessesSchema().validate(json.loads(said))


def test_the_status_says_what_waits_for_an_operator(api: Api, command: Command) -> None:
    command("freeze", "--reason", "a look")
    try:
        lines = command("status").splitlines()
    finally:
        command("thaw")
    kinds = {one["id"]: one["kind"] for one in api.processes()["processes"]}
    assert {tuple(line.split()[:2]) for line in lines[: len(kinds)]} == set(kinds.items())
    assert lines[len(kinds)].startswith("Destroying VMs: held, frozen by")
    assert lines[-2].startswith("Unfinished operations: ")
    assert lines[-1].startswith("Orphans to decide about: ")
