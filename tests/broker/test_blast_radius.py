"""Protection of living VMs: protect, own VMs only, limits and freezing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.broker.conftest import Command, console, expired
from tests.stateful import Api, wait_for


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


def test_a_protected_vm_is_never_destroyed(
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


def test_the_command_line_destroys_no_assigned_vm(
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
    command("protect", "fake_driver", "2")  # The next scan knows it.
    command("protect", "fake_driver", "2", "--off")
    wait_for(
        lambda: command("orphans", "destroy", "fake_driver", "2", "--yes", status=1),
        lambda refusal: "neither an orphan nor this installation" in refusal,
    )
    assert "is adopted" in command("orphans", "adopt", "fake_driver", "1")
    (adopted,) = api.operations(kind="adopt_vm")
    assert adopted["result"]["node"]["id"] == "1"
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
    serve_cloud: Callable[..., Api], command: Command, thaw: Callable[[str], None]
) -> None:
    api = serve_cloud("release_wait = 60")
    first, second = api.started(), api.started()
    api.assign(second)
    command("freeze", "--reason", "a look at the bill")
    refused = api.stop(first)
    assert (refused.status_code, refused.json()["error_code"]) == (503, "destroy_held")
    assert refused.headers["Retry-After"] == "60"
    assert "a look at the bill" in refused.json()["message"]
    answer = api.release(second).json()
    assert answer["deletion"] == "pending"
    assert api.operation(answer["operation"])["attempts"] == 2  # it did not wait for the thaw
    assert {first, second} <= set(api.nodes())
    assert "a look at the bill" in api.processes()["destroying_held"]
    thaw(answer["operation"])
    assert api.settled(answer["operation"])["result"]["deletion"] == "done"
    assert api.nodes() == ["1", "2", first]


def test_a_late_release_is_told_whose_turn_it_is(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    """A VM gets a second holder after the destruction that followed a release was abandoned."""
    api = serve_cloud("release_wait = 0.2")
    node = api.started()
    api.assign(node)
    command("freeze")
    command("operations", "abandon", api.release(node).json()["operation"])
    command("thaw")
    assert api.assign(node, user="v").json()["generation"] == 2
    ended = "The assignment of generation 1 has ended; the VM's generation is 2"
    never = "The VM never had generation 3; its generation is 2"
    for generation, message in ((1, ended), (3, never)):
        answer = api.release(node, generation=generation)
        assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert api.release(node, generation=2).json()["deletion"] == "done"


def test_a_lease_on_what_may_not_be_destroyed_is_refused(
    serve_cloud: Callable[..., Api], command: Command
) -> None:
    api = serve_cloud('destroy = "own"')
    own = api.started()
    command("protect", "fake_driver", own)
    for node, why in ((own, "is protected"), ("1", "neither started nor adopted here")):
        answer = api.assign(node, lease="1h")
        assert (answer.status_code, answer.json()["error_code"]) == (400, "refused")
        assert answer.json()["message"].startswith("The end of a lease destroys the VM: Node ")
        assert why in answer.json()["message"]
        assert api.assignments(node=node) == []
        assert "lease_expires_at" not in api.assign(node).json()
        assert api.assign(node, lease="1h").status_code == 200  # assigned already, without a lease


def test_a_lease_that_ends_on_a_protected_vm_waits_in_sight(
    serve_cloud: Callable[..., Api], command: Command, tmp_path: Path
) -> None:
    api = serve_cloud()
    node = api.started()
    assignment = api.assign(node, lease="1h").json()["assignment"]
    command("protect", "fake_driver", node)
    waiting = expired(api, tmp_path, node, "protected")
    assert "is protected" in waiting["error"]["detail"]
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
    serve_cloud: Callable[..., Api], command: Command, thaw: Callable[[str], None], tmp_path: Path
) -> None:
    api = serve_cloud()
    kept, lost = api.started(), api.started()
    held = {node: api.assign(node, lease="1h").json()["assignment"] for node in (kept, lost)}
    command("freeze", "--reason", "the clients could not renew")
    waiting = {node: expired(api, tmp_path, node, "destroy_held")["id"] for node in held}
    command("operations", "abandon", waiting[kept], "--reason", "by agreement")
    error = api.operation(waiting[kept])["error"]
    assert error["error_code"] == "abandoned"
    assert re.match(
        "abandoned by operator:.+: by agreement; the last error: No VM can be destroyed now",
        error["detail"],
    )
    shown = api.assignment(held[kept])
    assert (shown["state"], shown["lease_expires_at"]) == ("active", None)
    told = [(event["state"], event["reason"]) for event in shown["history"]]
    assert told == [("active", None), ("releasing", "expired"), ("active", "abandoned")]
    assert shown["history"][-1]["caller"].startswith("operator:")
    assert "lease_expires_at" not in api.assign(kept).json()
    thaw(waiting[lost])
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
