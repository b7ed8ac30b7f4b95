"""Orphans: quarantined until an operator decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from orchestrator_core import Image, Size, StartRequest
from tests.broker.conftest import Command, console
from tests.stateful import Api, wait_for


def test_a_vm_that_appears_late_is_an_orphan_until_an_operator_decides(
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
    (orphan,) = wait_for(api.orphans, bool)
    assert (orphan["node"], orphan["reason"]) == (node, "operation_ended")
    assert orphan["operation"] == operation
    refusal = api.assign(node)
    assert (refusal.status_code, refusal.json()["error_code"]) == (400, "refused")
    assert f"Node {node} is an orphan" in refusal.json()["message"]
    (shown,) = (vm for vm in api.get("/vm/status")["nodes"] if vm["id_vm"] == node)
    assert (shown["id"], shown["status"], shown["status_desc"]) == (None, 5, "FAULTY")
    seen = wait_for(lambda: api.orphans()[0]["times_seen"], lambda n: n >= 2)
    assert seen >= 2
    assert node in api.nodes()
    command("orphans", "ignore", "fake_driver", node)
    assert api.orphans()[0]["ignored_by"].startswith("operator:")
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
    wait_for(api.orphans, bool)
    command("protect", "fake_driver", node)
    (seen,) = wait_for(api.orphans, lambda them: them[0]["times_seen"] >= 3)
    assert seen["node"] == node
    refusal = command("orphans", "destroy", "fake_driver", node, "--yes", status=1)
    assert f"Node {node} of fake_driver is protected" in refusal
    command("orphans", "adopt", "fake_driver", node)
    assert api.orphans() == []
    command("db", "restored", "--confirm")  # The database may be older than the VM.
    assert api.assign(node).status_code == 200


def test_what_another_cloud_of_the_same_account_has_is_no_orphan(
    serve_cloud: Callable[..., Api], tmp_path: Path, command: Command
) -> None:
    rule = "orphans.destroy = true\norphans.times = 1\norphans.age = 0"
    api = serve_cloud(
        f'[clouds.twin]\ndriver = "dummy"\nassignment = "given"\n'
        f'store = "file:{tmp_path}/cloud.db"\n{rule}'
    )
    installation = command("db", "check").split()[-1]
    started = api.started()
    lost = StartRequest("x", Image("1", ""), Size("1", ""), marker=f"{installation}-{'e' * 32}")
    shown = console(tmp_path).start_vm(lost).id
    wait_for(
        lambda: [(one["node"], one["times_seen"] >= 3) for one in api.orphans()],
        lambda them: them == [(shown, True)],
    )
    for cloud in ("fake_driver", "twin"):  # It is an orphan in each section of the account.
        wait_for(lambda: statuses(api, cloud).get(shown), lambda seen: seen == "FAULTY")  # noqa: B023
    (told,) = json.loads(command("orphans", "list", "--json"))["orphans"]
    command("orphans", "adopt", told["cloud"], shown)
    assert api.orphans() == []
    assert {started, shown} <= set(api.nodes())
    assert api.operations(kind="stop_vm") == []


def statuses(api: Api, cloud: str) -> dict[str, str]:
    vms = api.get(f"/vm/status/{cloud}")["nodes"]
    return {vm["id_vm"]: vm["status_desc"] for vm in vms}


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
