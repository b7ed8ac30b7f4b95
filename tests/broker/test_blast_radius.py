"""What keeps living VMs alive: protection, own VMs only, limits, freezing, and doubt."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_core import Image, PluginContext, Size, StartRequest
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.driver import DummySettings
from tests.conftest import Serve, Server, environment_without_ours, running
from tests.stateful import Api, settings, wait_for

STATE = 'url = "sqlite:///state.db"\nlook = 0.3\npause = 0.1\nlongest_pause = 0.3'

Command = Callable[..., str]

FAILING = "error_rate = 1\nseed = 1\noperations = ['start_vm']"


def cloud(name: str, folder: Path, more: str) -> str:
    """A dummy cloud that others can get at, and that outlives its servers."""
    return f"""
[clouds.{name}]
driver = "dummy"
assignment = "given"
store = "file:{folder}/{name}.db"
{more}
"""


def command_in(folder: Path) -> Command:
    """Return a function that runs ``orchestrator ARGUMENTS`` beside the server of this folder.

    It returns what is said.
    """

    def once(*arguments: str) -> subprocess.CompletedProcess[str]:
        config = ("--config", str(folder / "orchestrator.toml"))
        return subprocess.run(
            [sys.executable, "-m", "orchestrator_core.cli", *arguments, *config],
            capture_output=True,
            text=True,
            check=False,
            env=environment_without_ours(),
        )

    def run(*arguments: str) -> str:
        # An operation that is in the middle of an attempt is for no operator to decide about.
        def is_over(done: subprocess.CompletedProcess[str]) -> bool:
            return done.returncode == 0 or "runs just now" not in done.stderr

        done = wait_for(lambda: once(*arguments), is_over)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("blast-radius")


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Server]:
    """One server for all tests that need none of their own, each with a cloud of its own."""
    clouds = {
        "own": 'destroy = "own"',
        "limited": "destroys_per_hour = 2\nrelease_wait = 1",
        "frozen": "release_wait = 0.5",
        "copied": "release_wait = 0.2",
        "late": f"[clouds.late.faults]\n{FAILING}",
        "ruled": "[clouds.ruled.orphans]\ndestroy = true\ntimes = 3\nage = 0\n"
        f"[clouds.ruled.faults]\n{FAILING}",
    }
    more = "".join(cloud(name, folder, section) for name, section in clouds.items())
    with running(settings(STATE, more=more), folder) as server:
        server.wait_for_log("durable worker ready")
        yield server


@pytest.fixture
def api_of(shared: Server, command: Command) -> Iterator[Callable[[str], Api]]:
    """``api_of(cloud)``; whatever a test leaves, the next finds nothing held up."""
    apis: list[Api] = []

    def make(name: str) -> Api:
        apis.append(Api(shared, name))
        return apis[-1]

    yield make
    if apis[0].get("/processes")["destroying_held"]:
        command("thaw")
        command("db", "restored", "--confirm")
    for api in apis:
        api.http.close()


@pytest.fixture
def command(folder: Path) -> Command:
    return command_in(folder)


def late_start(folder: Path, name: str, marker: str) -> str:
    """Start a VM behind everybody's back; return its id."""
    driver = DummyDriver(
        PluginContext("late", folder), DummySettings().load({"store": f"file:{folder}/{name}.db"})
    )
    return driver.start_vm(StartRequest("x", Image("1", ""), Size("1", ""), marker=marker)).id


def test_a_protected_vm_is_destroyed_by_nobody(
    api_of: Callable[[str], Api], command: Command
) -> None:
    api = api_of("fake_driver")
    node = api.started()
    api.assign(node)
    command("protect", "fake_driver", node)
    for answer in (api.stop(node), api.release(node)):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
        assert "is protected" in answer.json()["message"]
    command("protect", "fake_driver", node, "--off")
    assert api.release(node).json()["deletion"] == "done"


def test_only_own_vms_are_destroyed_where_the_settings_say_so(
    api_of: Callable[[str], Api], command: Command
) -> None:
    api = api_of("own")
    own = api.started()
    assert api.stop(own).status_code == 200
    api.assign("1")
    for answer in (api.stop("1"), api.release("1"), api.stop("2")):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
        assert "neither started nor adopted here" in answer.json()["message"]
    assert "is our own now" in command("orphans", "adopt", "own", "1")
    assert api.release("1").json()["deletion"] == "done"
    assert api.nodes() == ["2"]


def test_so_many_an_hour(api_of: Callable[[str], Api]) -> None:
    api = api_of("limited")
    nodes = [api.started() for _ in range(4)]
    assert [api.stop(node).status_code for node in nodes[:3]] == [200, 200, 429]
    refused = api.stop(nodes[2])
    assert refused.json()["error_code"] == "destroy_limit"
    assert 3000 < int(refused.headers["Retry-After"]) <= 3600
    api.assign(nodes[3])
    answer = api.release(nodes[3]).json()
    assert answer["deletion"] == "pending"
    waiting = api.operation(answer["operation"])
    assert waiting["error"]["error_code"] == "destroy_limit"
    assert nodes[3] in api.nodes()


def test_freezing_stops_all_destroying_and_thawing_lets_it_go_on(
    api_of: Callable[[str], Api], command: Command
) -> None:
    api = api_of("frozen")
    first, second = api.started(), api.started()
    api.assign(second)
    command("freeze", "--why", "a look at the bill")
    refused = api.stop(first)
    assert (refused.status_code, refused.json()["error_code"]) == (503, "destroy_held")
    assert "a look at the bill" in refused.json()["message"]
    answer = api.release(second).json()
    assert answer["deletion"] == "pending"
    assert {first, second} <= set(api.nodes())
    assert "a look at the bill" in api.get("/processes")["destroying_held"]
    command("thaw")
    # What is held is looked at again every few seconds; nobody has to wait for that here.
    command("operations", "retry", answer["operation"])
    assert api.settled(answer["operation"])["result"]["deletion"] == "done"
    assert api.nodes() == ["1", "2", first]


def test_a_copy_of_the_database_on_a_second_installation_destroys_nothing(
    api_of: Callable[[str], Api], serve: Serve, folder: Path, tmp_path: Path, command: Command
) -> None:
    api = api_of("copied")
    node = api.started()
    api.assign(node)
    command("freeze")  # so that the copy has something to destroy
    operation = api.release(node).json()["operation"]
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(folder / "state.db")) as original:
        original.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy, isolation_level=None)) as copied:
        copied.execute("UPDATE installation SET frozen_at = NULL")
    text = (folder / "orchestrator.toml").read_text()
    other = Api(serve(text.replace("sqlite:///state.db", f"sqlite:///{copy}")), "copied")
    assert "may be a copy or a backup" in other.get("/processes")["destroying_held"]
    held = wait_for(
        lambda: other.operation(operation),
        lambda one: (one["error"] or {}).get("error_code") == "destroy_held",
    )
    assert held["state"] in ("pending", "running")
    assert other.stop("1").json()["error_code"] == "destroy_held"
    assert {"1", node} <= set(other.nodes())
    other.http.close()


def test_a_backup_restored_over_a_newer_cloud_destroys_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    """The backup was written over the file, so that only the cloud can tell that it is old."""
    store = (
        f'store = "file:{tmp_path}/cloud.db"\n'
        "[clouds.fake_driver.orphans]\ndestroy = true\ntimes = 1\nage = 0"
    )
    toml, command = settings(STATE, store), command_in(tmp_path)
    api = Api(serve(toml))
    api.started()
    with closing(sqlite3.connect(tmp_path / "state.db")) as original:
        original.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    young = api.started()
    api.assign(young)
    api.http.close()
    api.server.stop()
    for log in ("state.db-wal", "state.db-shm"):
        (tmp_path / log).unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "backup.db", tmp_path / "state.db")
    api = Api(serve(toml))
    wait_for(
        lambda: api.get("/processes")["destroying_held"],
        lambda held: "the database knows nothing of" in (held or ""),
    )
    (orphan,) = api.orphans()
    assert (orphan["node"], orphan["reason"]) == (young, "unknown_operation")
    assert api.stop(young).json()["error_code"] == "destroy_held"
    assert young in api.nodes()
    assert young in command("orphans", "list")
    command("orphans", "adopt", "fake_driver", young)
    assert api.orphans() == []
    command("db", "restored", "--confirm")
    assert api.stop(young).status_code == 200
    api.http.close()


def test_an_operator_may_say_that_a_database_is_out_of_a_backup(
    api_of: Callable[[str], Api], command: Command
) -> None:
    api = api_of("fake_driver")
    node = api.started()
    command("db", "restored")
    assert api.stop(node).json()["error_code"] == "destroy_held"
    assert "out of a backup" in command("db", "check")
    command("db", "restored", "--confirm")
    assert api.stop(node).status_code == 200


def test_a_vm_that_appears_late_is_an_orphan_until_somebody_decides(
    api_of: Callable[[str], Api], folder: Path, command: Command
) -> None:
    api = api_of("late")
    operation = api.start().json()["operation"]
    command("operations", "abandon", operation)
    installation = command("db", "check").split()[-1]
    node = late_start(folder, "late", f"{installation}-{operation}")
    (orphan,) = wait_for(api.orphans, bool)
    assert (orphan["node"], orphan["reason"]) == (node, "operation_ended")
    assert orphan["operation"] == operation
    seen = wait_for(lambda: api.orphans()[0]["times_seen"], lambda n: n >= 2)
    assert seen >= 2
    assert node in api.nodes()
    command("orphans", "ignore", "late", node)
    assert api.orphans()[0]["ignored_by"].startswith("operator:")
    assert "is to be destroyed" in command("orphans", "destroy", "late", node, "--yes")
    wait_for(api.nodes, lambda nodes: node not in nodes)


def test_an_orphan_is_destroyed_by_an_explicit_rule(
    api_of: Callable[[str], Api], folder: Path, command: Command
) -> None:
    api = api_of("ruled")
    operation = api.start().json()["operation"]
    command("operations", "abandon", operation)
    installation = command("db", "check").split()[-1]
    other = late_start(folder, "ruled", f"{'f' * 12}-{operation}")
    own = late_start(folder, "ruled", f"{installation}-{operation}")
    wait_for(api.nodes, lambda nodes: own not in nodes)
    assert {"1", "2", other} == set(api.nodes())
    (destroyed,) = api.operations(node=own, kind="stop_vm")
    assert destroyed["caller"] == "orchestrator"
