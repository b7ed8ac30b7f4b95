"""What keeps living VMs alive: protection, own VMs only, limits, freezing, and doubt."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_core import Image, PluginContext, Size, StartRequest
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.driver import DummySettings
from tests.conftest import Serve
from tests.stateful import Api, Json, leases_end, settings, wait_for

STATE = 'url = "sqlite:///state.db"\nlook = 0.3\npause = 0.1\nlongest_pause = 0.3'

Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, clean_environment: dict[str, str]) -> Command:
    """Run ``orchestrator ARGUMENTS`` beside the server; return what it says."""

    def once(*arguments: str) -> subprocess.CompletedProcess[str]:
        config = ("--config", str(tmp_path / "orchestrator.toml"))
        return subprocess.run(
            [sys.executable, "-m", "orchestrator_core.cli", *arguments, *config],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment,
        )

    def run(*arguments: str, status: int = 0) -> str:
        # An operation that is in the middle of an attempt is for no operator to decide about.
        def is_over(done: subprocess.CompletedProcess[str]) -> bool:
            return done.returncode == 0 or "runs just now" not in done.stderr

        done = wait_for(lambda: once(*arguments), is_over)
        assert done.returncode == status, done.stderr
        return str(done.stderr if status else done.stdout)

    return run


@pytest.fixture
def serve_cloud(serve: Serve, tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Serve a dummy cloud that outlives its servers."""
    apis: list[Api] = []

    def start(cloud: str = "") -> Api:
        store = f'store = "file:{tmp_path}/cloud.db"'
        server = serve(settings(STATE, f"{store}\n{cloud}"))
        server.wait_for_log("durable worker ready")
        apis.append(Api(server))
        return apis[-1]

    yield start
    for api in apis:
        api.http.close()


def console(folder: Path) -> DummyDriver:
    """The same dummy cloud, reached past the server."""
    settings = DummySettings().load({"store": f"file:{folder}/cloud.db"})
    return DummyDriver(PluginContext("console", folder), settings)


@pytest.mark.parametrize("by", ["node", "hostname"])
def test_a_vm_that_was_deleted_past_us_can_be_released(
    serve_cloud: Callable[..., Api], tmp_path: Path, by: str
) -> None:
    api = serve_cloud()
    assignment = api.assign("1").json()["assignment"]
    console(tmp_path).stop_vm("1")
    named = {"node": "1"} if by == "node" else {"hostname": "dummy-1"}
    answer = api.http.put("/vm/action/release", json=named)
    assert answer.json()["result"] == "Node 1 released and deleted"
    shown = api.assignment(assignment)
    assert (shown["state"], shown["end_reason"]) == ("ended", "released")
    again = api.http.put("/vm/action/release", json=named)
    assert (again.status_code, again.json()["error_code"]) == (400, "node_not_found")


def test_a_protected_vm_is_destroyed_by_nobody(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud()
    node = api.started()
    api.assign(node)
    command("protect", "fake_driver", node)
    for answer in (api.stop(node), api.release(node)):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
        assert "is protected" in answer.json()["message"]
    command("protect", "fake_driver", node, "--off")
    assert api.release(node).json()["deletion"] == "done"


def test_the_command_line_destroys_no_vm_that_somebody_holds(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud()
    node = api.started()
    assignment = api.assign(node).json()["assignment"]
    refusal = command("orphans", "destroy", "fake_driver", node, "--yes", status=1)
    assert f"Node {node} of fake_driver is assigned to u for app" in refusal
    assert api.assignment(assignment)["state"] == "active"
    assert api.operations(node=node, kind="stop_vm") == []
    assert api.release(node).json()["deletion"] == "done"


def test_only_own_vms_are_destroyed_where_the_settings_say_so(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud('destroy = "own"')
    own = api.started()
    assert api.stop(own).status_code == 200
    api.assign("1")
    for answer in (api.stop("1"), api.release("1"), api.stop("2")):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
        assert "neither started nor adopted here" in answer.json()["message"]
    refusal = command("orphans", "destroy", "fake_driver", "1", "--yes", status=1)
    assert "assigned" in refusal
    refusal = command("orphans", "destroy", "fake_driver", "2", "--yes", status=1)
    assert "knows no node '2'" in refusal
    command("protect", "fake_driver", "2")  # it is known from the next look on
    command("protect", "fake_driver", "2", "--off")
    wait_for(
        lambda: command("orphans", "destroy", "fake_driver", "2", "--yes", status=1),
        lambda refusal: "neither an orphan nor our own" in refusal,
    )
    assert "is our own now" in command("orphans", "adopt", "fake_driver", "1")
    (adopted,) = api.operations(kind="adopt_vm")
    assert adopted["result"] == {"result": "Node 1 adopted"}
    assert api.release("1").json()["deletion"] == "done"
    assert api.nodes() == ["2"]


def test_so_many_an_hour(serve_cloud: Callable[..., Api]) -> None:
    api = serve_cloud("destroys_per_hour = 2\nrelease_wait = 1")
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
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud("release_wait = 0.5")
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


def test_a_late_release_is_told_whose_turn_it_is(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    """A VM gets a second holder where the destroying after a release was abandoned."""
    api = serve_cloud("release_wait = 0.2")
    node = api.started()
    api.assign(node)
    command("freeze")
    command("operations", "abandon", api.release(node).json()["operation"])
    command("thaw")
    assert api.assign(node, user="v").json()["generation"] == 2
    ended = "The assignment of generation 1 has ended; it is 2 by now"
    never = "The VM never had an assignment of generation 3; it is 2 now"
    for generation, message in ((1, ended), (3, never)):
        answer = api.release(node, generation=generation)
        assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert api.release(node, generation=2).json()["deletion"] == "done"


def expired(api: Api, folder: Path, node: str, code: str | None = None) -> Json:
    """Let a VM's lease end; return the operation that came of it, once it has that error."""
    leases_end(f"sqlite:///{folder}/state.db", node)

    def look() -> Json | None:
        found = api.operations(node=node, kind="release_vm")
        return found[0] if found else None

    def is_it(operation: Json | None) -> bool:
        return operation is not None and (operation["error"] or {}).get("error_code") == code

    operation: Json = wait_for(look, is_it)
    return operation


def test_a_lease_on_what_may_not_be_destroyed_is_refused(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud('destroy = "own"')
    own = api.started()
    command("protect", "fake_driver", own)
    for node, why in ((own, "is protected"), ("1", "neither started nor adopted here")):
        answer = api.assign(node, lease="1h")
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
        assert answer.json()["message"].startswith("A lease ends with destroying the VM: Node ")
        assert why in answer.json()["message"]
        assert api.get("/vm/assignments", node=node)["assignments"] == []
        assert "lease_expires_at" not in api.assign(node).json()
        assert api.assign(node, lease="1h").status_code == 200  # it is held, and without a lease


def test_a_lease_that_ends_on_a_protected_vm_waits_in_sight(
    serve_cloud: Callable[..., Api], command: Command, tmp_path: Path
) -> None:
    api = serve_cloud()
    node = api.started()
    assignment = api.assign(node, lease="1h").json()["assignment"]
    command("protect", "fake_driver", node)
    waiting = expired(api, tmp_path, node, "refused")
    assert "is protected" in waiting["error"]["message"]
    assert waiting["step"] == "release"
    assert api.assignment(assignment)["state"] == "releasing"
    (vm,) = (vm for vm in api.get("/vm/status")["nodes"] if vm["id_vm"] == node)
    assert vm["status_desc"] == "RELEASING"
    for answer in (api.renew(node), api.release(node), api.assign(node, user="eve")):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
    assert node in api.nodes()
    command("protect", "fake_driver", node, "--off")
    assert api.settled(waiting["id"])["result"]["deletion"] == "done"
    assert api.assignment(assignment)["end_reason"] == "expired"
    assert node not in api.nodes()


def test_a_frozen_expiry_can_be_given_back_to_the_holder(
    serve_cloud: Callable[..., Api], command: Command, tmp_path: Path
) -> None:
    api = serve_cloud()
    kept, lost = api.started(), api.started()
    held = {node: api.assign(node, lease="1h").json()["assignment"] for node in (kept, lost)}
    command("freeze", "--why", "the clients could not renew")
    waiting = {node: expired(api, tmp_path, node, "destroy_held")["id"] for node in held}
    command("operations", "abandon", waiting[kept])
    shown = api.assignment(held[kept])
    assert (shown["state"], shown["lease_expires_at"]) == ("active", None)
    told = [(event["state"], event["message"]) for event in shown["history"]]
    assert told == [("active", None), ("releasing", "expired"), ("active", "destroy_held")]
    assert "lease_expires_at" not in api.assign(kept).json()
    command("thaw")
    command("operations", "retry", waiting[lost])
    assert api.settled(waiting[lost])["result"]["deletion"] == "done"
    assert api.nodes() == ["1", "2", kept]
    assert api.release(kept).json()["deletion"] == "done"


def test_so_many_leases_an_hour(serve_cloud: Callable[..., Api], tmp_path: Path) -> None:
    api = serve_cloud("destroys_per_hour = 1")
    first, second = api.started(), api.started()
    held = {node: api.assign(node, lease="1h").json()["assignment"] for node in (first, second)}
    done = expired(api, tmp_path, first)
    assert api.settled(done["id"])["state"] == "succeeded"
    expired(api, tmp_path, second, "destroy_limit")
    assert api.assignment(held[second])["state"] == "releasing"
    assert second in api.nodes()


def test_a_copy_s_leases_end_nothing_of_the_original_s(
    serve_cloud: Callable[..., Api], command: Command, tmp_path: Path
) -> None:
    """One lease ends before somebody says that it is a copy, and one later."""
    api = serve_cloud()
    early, late = api.started(), api.started()
    held = {node: api.assign(node, lease="1h").json()["assignment"] for node in (early, late)}
    command("db", "restored")
    waiting = expired(api, tmp_path, early, "destroy_held")
    command("db", "restored", "--confirm", "--new-installation")
    leases_end(f"sqlite:///{tmp_path}/state.db")
    for assignment in held.values():
        shown = api.assignment(assignment)
        assert (shown["state"], shown["lease_expires_at"]) == ("active", None)
    assert api.operation(waiting["id"])["state"] == "abandoned"
    assert {early, late} <= set(api.nodes())


def test_a_copy_that_becomes_an_installation_of_its_own_marks_its_vms_from_then_on(
    serve_cloud: Callable[..., Api], command: Command, tmp_path: Path
) -> None:
    """While it serves; what it is just starting is waited for."""
    api = serve_cloud("faults.operations = ['start_vm']\nfaults.latency = 1.0")
    with ThreadPoolExecutor(1) as thread:
        starting = thread.submit(api.started)
        wait_for(lambda: api.operations(kind="start_vm", state="running"), bool)
        command("db", "restored", "--confirm", "--new-installation")
        assert api.operations(kind="start_vm")[0]["state"] == "succeeded"
        first = starting.result()
    second = api.started()
    (operation,) = api.operations(kind="start_vm", node=second)
    installation = command("db", "check").split()[-1]
    assert console(tmp_path).find_node(f"{installation}-{operation['id']}").id == second
    assert {first, second} <= set(api.nodes())
    assert api.get("/orphans")["orphans"] == []


def test_a_copy_settles_what_it_has_started_before_it_is_an_installation_of_its_own(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    """Its VM, if there is one, would be found by nobody."""
    fault = "faults.operations = ['start_vm']\nfaults.error_rate = 1"
    api = serve_cloud(f"visibility = 3600\n{fault}")
    command("db", "restored")
    operation = api.start().json()["operation"]
    refusal = command("db", "restored", "--confirm", "--new-installation", status=1)
    assert f"Operation {operation} is a start that is not settled yet" in refusal
    assert "nothing is destroyed" in command("db", "check")


def test_a_copy_of_the_database_on_a_second_installation_destroys_nothing(
    serve_cloud: Callable[..., Api], serve: Serve, tmp_path: Path, command: Command
) -> None:
    api = serve_cloud("release_wait = 0.2")
    node = api.started()
    api.assign(node)
    command("freeze")  # so that the copy has something to destroy
    operation = api.release(node).json()["operation"]
    copy = tmp_path / "copy"
    copy.mkdir()
    with closing(sqlite3.connect(tmp_path / "state.db")) as original:
        original.execute("VACUUM INTO ?", (str(copy / "state.db"),))
    with closing(sqlite3.connect(copy / "state.db", isolation_level=None)) as copied:
        copied.execute("UPDATE installation SET frozen_at = NULL")
    text = (tmp_path / "orchestrator.toml").read_text()
    other = Api(serve(text.replace("sqlite:///state.db", f"sqlite:///{copy}/state.db")))
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
    serve_cloud: Callable[..., Api], tmp_path: Path, command: Command
) -> None:
    """The backup was written over the file, so that only the cloud can tell that it is old."""
    api = serve_cloud(
        "release_wait = 0.2\n[clouds.fake_driver.orphans]\ndestroy = true\ntimes = 1\nage = 0"
    )
    api.started()
    api.server.stop()
    shutil.copy(tmp_path / "state.db", tmp_path / "backup.db")
    api = serve_cloud()
    young = api.started()
    api.assign(young)
    api.server.stop()
    shutil.copyfile(tmp_path / "backup.db", tmp_path / "state.db")
    api = serve_cloud("[clouds.fake_driver.orphans]\ndestroy = true\ntimes = 1\nage = 0")
    wait_for(
        lambda: api.get("/processes")["destroying_held"],
        lambda held: "the database knows nothing of" in (held or ""),
    )
    (orphan,) = api.get("/orphans")["orphans"]
    assert (orphan["node"], orphan["reason"]) == (young, "unknown_operation")
    assert api.stop(young).json()["error_code"] == "destroy_held"
    assert young in api.nodes()
    assert young in command("orphans", "list")
    command("orphans", "adopt", "fake_driver", young)
    assert api.get("/orphans")["orphans"] == []
    command("db", "restored", "--confirm")
    assert api.stop(young).status_code == 200


def test_an_operator_may_say_that_a_database_is_out_of_a_backup(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud()
    node = api.started()
    command("db", "restored")
    assert api.stop(node).json()["error_code"] == "destroy_held"
    assert "out of a backup" in command("db", "check")
    command("db", "restored", "--confirm")
    assert api.stop(node).status_code == 200


def test_a_vm_that_appears_late_is_an_orphan_until_somebody_decides(
    serve_cloud: Callable[..., Api], tmp_path: Path, command: Command
) -> None:
    api = serve_cloud(
        "[clouds.fake_driver.faults]\noperations = ['start_vm']\nerror_rate = 1\nseed = 1"
    )
    operation = api.start().json()["operation"]
    command("operations", "abandon", operation)
    installation = command("db", "check").split()[-1]
    late = console(tmp_path)
    marker = f"{installation}-{operation}"
    node = late.start_vm(StartRequest("x", Image("1", ""), Size("1", ""), marker=marker)).id
    (orphan,) = wait_for(lambda: api.get("/orphans")["orphans"], bool)
    assert (orphan["node"], orphan["reason"]) == (node, "operation_ended")
    assert orphan["operation"] == operation
    refusal = api.assign(node)
    assert (refusal.status_code, refusal.json()["error_code"]) == (400, "refused")
    assert f"Node {node} is an orphan" in refusal.json()["message"]
    (shown,) = (vm for vm in api.get("/vm/status")["nodes"] if vm["id_vm"] == node)
    assert (shown["id"], shown["status"], shown["status_desc"]) == (None, 5, "FAULTY")
    seen = wait_for(lambda: api.get("/orphans")["orphans"][0]["times_seen"], lambda n: n >= 2)
    assert seen >= 2
    assert node in api.nodes()
    command("orphans", "ignore", "fake_driver", node)
    assert api.get("/orphans")["orphans"][0]["ignored_by"].startswith("operator:")
    assert "is to be destroyed" in command("orphans", "destroy", "fake_driver", node, "--yes")
    wait_for(api.nodes, lambda nodes: node not in nodes)
    (destroyed,) = api.operations(node=node, kind="stop_vm")
    assert api.settled(destroyed["id"])["state"] == "succeeded"


def test_an_orphan_that_is_protected_stays_one_until_it_is_adopted(
    serve_cloud: Callable[..., Api], tmp_path: Path, command: Command
) -> None:
    api = serve_cloud()
    installation = command("db", "check").split()[-1]
    marker = f"{installation}-{'e' * 32}"
    request = StartRequest("x", Image("1", ""), Size("1", ""), marker=marker)
    node = console(tmp_path).start_vm(request).id
    wait_for(lambda: api.get("/orphans")["orphans"], bool)
    command("protect", "fake_driver", node)
    (seen,) = wait_for(
        lambda: api.get("/orphans")["orphans"], lambda them: them[0]["times_seen"] >= 3
    )
    assert seen["node"] == node
    refusal = command("orphans", "destroy", "fake_driver", node, "--yes", status=1)
    assert f"Node {node} of fake_driver is protected" in refusal
    command("orphans", "adopt", "fake_driver", node)
    assert api.get("/orphans")["orphans"] == []
    assert api.assign(node).status_code == 200


def test_what_another_cloud_of_the_same_account_has_is_no_orphan(
    serve_cloud: Callable[..., Api], tmp_path: Path, command: Command
) -> None:
    rule = "orphans.destroy = true\norphans.times = 1\norphans.age = 0"
    api = serve_cloud(
        f'[clouds.twin]\ndriver = "dummy"\nstore = "file:{tmp_path}/cloud.db"\n{rule}'
    )
    installation = command("db", "check").split()[-1]
    started = api.started()
    lost = StartRequest("x", Image("1", ""), Size("1", ""), marker=f"{installation}-{'e' * 32}")
    shown = console(tmp_path).start_vm(lost).id
    wait_for(
        lambda: api.get("/orphans")["orphans"],
        lambda them: (
            {(one["cloud"], one["node"]) for one in them}
            == {("fake_driver", shown), ("twin", shown)}
        ),
    )
    wait_for(
        lambda: api.get("/orphans")["orphans"],
        lambda them: all(one["times_seen"] >= 3 for one in them),
    )
    command("orphans", "adopt", "fake_driver", shown)
    wait_for(lambda: api.get("/orphans")["orphans"], lambda them: not them)
    assert {started, shown} <= set(api.nodes())
    assert api.operations(kind="stop_vm") == []


def test_an_orphan_is_destroyed_by_an_explicit_rule(
    serve_cloud: Callable[..., Api], tmp_path: Path, command: Command
) -> None:
    api = serve_cloud(
        "[clouds.fake_driver.orphans]\ndestroy = true\ntimes = 3\nage = 0\n"
        "[clouds.fake_driver.faults]\noperations = ['start_vm']\nerror_rate = 1\nseed = 1"
    )
    operation = api.start().json()["operation"]
    command("operations", "abandon", operation)
    installation = command("db", "check").split()[-1]
    late = console(tmp_path)
    foreign = StartRequest("x", Image("1", ""), Size("1", ""), marker=f"{'f' * 12}-{operation}")
    mine = StartRequest("x", Image("1", ""), Size("1", ""), marker=f"{installation}-{operation}")
    other, own = late.start_vm(foreign).id, late.start_vm(mine).id
    wait_for(api.nodes, lambda nodes: own not in nodes)
    assert {"1", "2", other} == set(api.nodes())
    (destroyed,) = api.operations(node=own, kind="stop_vm")
    assert destroyed["caller"] == "orchestrator"
