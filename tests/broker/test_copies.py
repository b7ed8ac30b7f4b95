"""Copies and backups of a database: no living VM is destroyed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.broker.conftest import Command, console, expired
from tests.conftest import Serve
from tests.stateful import Api, leases_end, wait_for


def test_a_copy_s_leases_end_nothing_of_the_original_s(
    serve_cloud: Callable[..., Api], command: Command, tmp_path: Path
) -> None:
    """One lease ends before an operator declares the database a copy, and one later."""
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
        assert any("the original installation" in (one["reason"] or "") for one in shown["history"])
    assert api.operation(waiting["id"])["state"] == "abandoned"
    assert {early, late} <= set(api.nodes())


def test_a_copy_that_becomes_an_installation_of_its_own_marks_its_vms_from_then_on(
    serve_cloud: Callable[..., Api], command: Command, tmp_path: Path
) -> None:
    """The change happens while it serves; it waits for unfinished starts."""
    api = serve_cloud("faults.operations = ['start_vm']\nfaults.latency = 1.0")
    command("db", "restored")
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
    assert api.orphans() == []


def test_a_database_that_is_no_confirmed_copy_keeps_its_installation(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud()
    node = api.started()
    held = api.assign(node, lease="1h").json()
    before = command("db", "check")
    refusal = command("db", "restored", "--confirm", "--new-installation", status=1)
    assert "run this first: orchestrator db restored" in refusal
    assert command("db", "check") == before
    assert api.assignment(held["assignment"])["lease_expires_at"] == held["lease_expires_at"]
    command("freeze", "--reason", "a look")
    assert "nothing is destroyed yet: frozen" in command("db", "restored", "--confirm")


def test_a_copy_settles_what_it_has_started_before_it_is_an_installation_of_its_own(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    """Otherwise no installation would find the VM of that start."""
    fault = "faults.operations = ['start_vm']\nfaults.error_rate = 1"
    api = serve_cloud(f"visibility_timeout = 3600\n{fault}")
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
    command("freeze")  # gives the copy something to destroy
    operation = api.release(node).json()["operation"]
    copy = tmp_path / "copy"
    copy.mkdir()
    with closing(sqlite3.connect(tmp_path / "state.db")) as original:
        original.execute("VACUUM INTO ?", (str(copy / "state.db"),))
    with closing(sqlite3.connect(copy / "state.db", isolation_level=None)) as copied:
        copied.execute("UPDATE installation SET frozen_at = NULL")
    text = (tmp_path / "orchestrator.toml").read_text()
    other = Api(serve(text.replace("sqlite:///state.db", f"sqlite:///{copy}/state.db")))
    assert "may be a copy or a backup" in other.processes()["destroying_held"]
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
    """The backup replaced the file, so that only the cloud shows that it is old."""
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
        lambda: api.processes()["destroying_held"],
        lambda held: "the database does not know" in (held or ""),
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


def test_an_operator_may_say_that_a_database_is_out_of_a_backup(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud()
    node = api.started()
    command("db", "restored")
    assert api.stop(node).json()["error_code"] == "destroy_held"
    assert "restored from a backup" in command("db", "check")
    command("db", "restored", "--confirm")
    assert api.stop(node).status_code == 200


def test_no_vm_is_assigned_before_it_is_confirmed_that_it_is_free(
    serve_cloud: Callable[..., Api], tmp_path: Path, command: Command
) -> None:
    """Assignments made after the backup are missing from it."""
    api = serve_cloud()
    mine, other = api.started(), api.started()
    held = api.assign(mine, "ann").json()
    command("db", "backup", str(tmp_path / "backup.db"))
    api.assign(other, "cyd")
    api.server.stop()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    shutil.copyfile(tmp_path / "backup.db", tmp_path / "state.db")
    command("db", "restored")
    api = serve_cloud()
    refused = api.assign(other, "eve")
    assert (refused.status_code, refused.json()["error_code"]) == (503, "assign_held")
    assert refused.headers["Retry-After"] == "60"
    assert "the database was restored from a backup" in refused.json()["message"]
    assert api.assign(mine, "ann").json() == held
    assert api.assign(mine, "eve").status_code == 400
    command("db", "restored", "--confirm")
    assert api.assign(other, "eve").status_code == 200
