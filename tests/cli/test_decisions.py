"""Operators' decisions about VMs and operations: unknown ones are refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.stateful import Api, settings, stateful, wait_for

STATE = 'url = "sqlite:///state.db"\norphan_scan_interval = 0.3'

Said = subprocess.CompletedProcess[str]
Command = Callable[..., Said]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("decisions")


@pytest.fixture(scope="module", autouse=True)
def api(folder: Path) -> Iterator[Api]:
    more = '[clouds.other]\ndriver = "dummy"'
    with stateful(settings(STATE, "hints = true", more), folder) as running:
        yield running


@pytest.fixture
def command(run: Run, folder: Path) -> Command:
    """Return a function that runs a command beside the server."""
    config = str(folder / "orchestrator.toml")
    return lambda *arguments, **more: run(*arguments, ORCHESTRATOR_CONFIG=config, **more)


DECISIONS = (
    ("protect",),
    ("orphans", "adopt"),
    ("orphans", "adopt", "--unseen"),
    ("orphans", "ignore"),
    ("orphans", "destroy", "--yes"),
)


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_cloud_that_is_not_configured_is_refused(
    api: Api, command: Command, decision: tuple[str, ...]
) -> None:
    said = command(*decision, "fake_drivr", "1")
    assert said.returncode == 2
    assert "there is no cloud 'fake_drivr'; did you mean \"fake_driver\"?" in said.stderr
    assert "the settings have: fake_driver, other" in said.stderr
    assert api.v2("/operations", cloud="fake_drivr").status_code == 400


@pytest.mark.parametrize("node", ["", "  "])
def test_an_empty_id_is_refused(command: Command, node: str) -> None:
    said = command("protect", "fake_driver", node)
    assert said.returncode == 2
    assert "NODE: must not be empty" in said.stderr


@pytest.mark.parametrize(
    "decision", [("protect",), ("orphans", "adopt", "--unseen"), ("orphans", "destroy", "--yes")]
)
def test_a_name_is_taken_for_no_id(api: Api, command: Command, decision: tuple[str, ...]) -> None:
    node = api.started()
    said = command(*decision, "fake_driver", f"dummy-{node}")
    assert said.returncode == 1
    assert f"'dummy-{node}' is the name of node {node} of fake_driver" in said.stderr
    assert api.operations(node=f"dummy-{node}") == []


@pytest.mark.parametrize("decision", [("adopt",), ("destroy", "--yes")])
def test_what_the_database_does_not_know_is_not_decided_about(
    api: Api, command: Command, decision: tuple[str, ...]
) -> None:
    said = command("orphans", *decision, "fake_driver", "777")
    assert said.returncode == 1
    assert "orchestrator: The database knows no node '777' of fake_driver" in said.stderr
    assert ("--unseen" in said.stderr) == (decision == ("adopt",))
    assert api.operations(node="777") == []


def test_a_vm_that_was_never_seen_is_adopted_only_if_that_is_said(
    api: Api, command: Command
) -> None:
    assert command("orphans", "adopt", "fake_driver", "1").returncode == 1
    assert command("orphans", "adopt", "--unseen", "fake_driver", "1").returncode == 0
    assert [one["node"] for one in api.operations(kind="adopt_vm", node="1")] == ["1"]


def test_default_is_the_default_cloud(api: Api, command: Command) -> None:
    node = api.started()
    said = command("protect", "default", node)
    assert said.stdout == f"{node} of fake_driver is protected\n"
    assert "is protected" in api.stop(node).json()["message"]
    command("protect", "default", node, "--off")
    assert command("orphans", "adopt", "default", node).returncode == 0
    assert [one["cloud"] for one in api.operations(kind="adopt_vm", node=node)] == ["fake_driver"]


def test_a_vm_can_be_protected_before_it_is_known(api: Api, command: Command) -> None:
    """The cloud numbers its nodes, so that the next id is known."""
    node = str(int(api.started()) + 1)
    said = command("protect", "fake_driver", node)
    assert (said.returncode, said.stdout) == (0, f"{node} of fake_driver is protected\n")
    assert f"the database knows no node '{node}' of fake_driver yet" in said.stderr
    assert api.started() == node
    assert "is protected" in api.stop(node).json()["message"]
    said = command("protect", "fake_driver", node)
    assert (said.returncode, said.stderr) == (0, "")


def test_what_was_never_named_is_not_protected(command: Command) -> None:
    said = command("protect", "fake_driver", "778", "--off")
    assert said.returncode == 1
    assert "'778' of fake_driver is not protected" in said.stderr


def test_destroying_asks_about_this_vm_of_this_cloud(api: Api, command: Command) -> None:
    node = api.started()
    said = command("orphans", "destroy", "default", node, typed="n\n")
    assert said.returncode == 1
    assert f"Node {node} (dummy-{node}) of fake_driver will be destroyed. Continue?" in said.stdout
    assert api.operations(kind="stop_vm", node=node) == []
    assert command("orphans", "destroy", "default", node, typed="y\n").returncode == 0
    wait_for(api.nodes, lambda nodes: node not in nodes)


def test_why_nothing_can_be_decided_about_an_operation(api: Api, command: Command) -> None:
    def why(decision: str, operation: str) -> str:
        said = command("operations", decision, operation)
        assert (said.returncode, said.stdout) == (1, "")
        return said.stderr.removeprefix("orchestrator: ").strip()

    hints = {"Prefer": "respond-async", "X-Cloud-Hints": "latency=8; operations=start_vm"}
    running = api.start(**hints).json()["operation"]
    for decision in ("retry", "abandon"):
        assert why(decision, running) == f"Operation {running} is running; try again later"
    ended = api.settled(running)["id"]
    for decision in ("retry", "abandon"):
        assert why(decision, "nothing") == "There is no operation 'nothing'"
        assert why(decision, ended) == f"Operation {ended} has ended: it is succeeded"


def test_lists_are_asked_for_what_there_can_be(api: Api, command: Command) -> None:
    api.started()
    said = command("operations", "list", "--state", "foo")
    assert said.returncode == 2
    assert "'foo' is not one of" in said.stderr
    for listed in ("operations", "orphans"):
        said = command(listed, "list", "--cloud", "nope")
        assert said.returncode == 2
        assert "there is no cloud 'nope'; the settings have: fake_driver, other" in said.stderr
        assert command(listed, "list", "--cloud", "other").returncode == 0
    said = command("operations", "list", "--cloud", "default", "--state", "succeeded", "--json")
    assert '"cloud": "fake_driver"' in said.stdout


def test_a_vm_that_the_ledger_knows_by_its_id_alone_keeps_its_name(
    api: Api, command: Command
) -> None:
    name = {node["id"]: node["name"] for node in api.get("/nodes")["nodes"]}["2"]
    assert command("orphans", "adopt", "--unseen", "fake_driver", "2").returncode == 0
    shown = {vm["id_vm"]: vm["hostname"] for vm in api.get("/vm/status")["nodes"]}
    assert shown["2"] == name
