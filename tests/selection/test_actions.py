"""Resizes, renames and images of VMs: made once, and determined after a lost answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from good_cloud import GoodCloud
from orchestrator_core import (
    CloudError,
    CloudTimeout,
    Image,
    Refused,
    Size,
    hookimpl,
    register_secret,
)
from tests.selection.clouds import Named, World, namesakes_world, world

Json = dict[str, Any]

VISIBILITY_TIMEOUT = 0.5
"""Seconds within which an unanswered change may still take effect."""
LATE: list[str] = []
"""The behaviour of the cloud below in a call, by a word in this list."""
ASKED: list[tuple[str, ...]] = []
"""The calls that it has got."""


class SlowCloud(GoodCloud):
    """A cloud that finishes a resize when a test says so, and loses answers."""

    @hookimpl
    def resize_vm(self, node_id: str, size: Size) -> None:
        ASKED.append(("resize_vm", node_id, size.id))
        if "unreached" in LATE:
            raise CloudTimeout("The request was lost")
        super().resize_vm(node_id, size)
        if "lost" in LATE:
            raise CloudTimeout("The answer was lost")

    @hookimpl
    def confirm_resize(self, node_id: str, size: Size) -> bool:
        ASKED.append(("confirm_resize", node_id, size.id))
        if "given up" in LATE:
            raise Refused("No host has room for this size")
        return super().confirm_resize(node_id, size) and "slow" not in LATE

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        ASKED.append(("rename_vm", node_id, name))
        if "unreached" not in LATE:
            super().rename_vm(node_id, name)
        if "lost" in LATE or "unreached" in LATE:
            raise CloudError("The answer was lost")

    @hookimpl
    def create_image(self, node_id: str, name: str) -> Image:
        ASKED.append(("create_image", node_id, name))
        image = super().create_image(node_id, name)
        if "lost" in LATE:
            raise CloudTimeout("The answer was lost")
        return image

    @hookimpl
    def get_console_output(self, node_id: str) -> str:
        node = self.found(node_id)
        return str(node.extra.get("console", ""))


class NoConfirmation(GoodCloud):
    """A cloud whose resizes are complete when they are accepted."""

    @hookimpl
    def unsupported(self) -> dict[str, str]:
        return {"confirm_resize": "this cloud needs no confirmation"}


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[World]:
    LATE.clear()
    ASKED.clear()
    more = {"visibility_timeout": VISIBILITY_TIMEOUT}
    with world(tmp_path, "tests.selection.test_actions:SlowCloud", cloud=more) as one:
        one.has("vm-1", "one")
        yield one


def ended(one: World, kind: str, wanted: Callable[[Json], bool] | None = None) -> Json:
    """Return the newest operation of a kind, once it has ended or is as wanted."""
    until = time.monotonic() + 15
    while True:
        operation: Json = one.api.get(f"/api/v2/operations?kind={kind}&limit=1").json["operations"][
            0
        ]
        if wanted(operation) if wanted else operation["finished_at"] is not None:
            return operation
        assert time.monotonic() < until, operation
        time.sleep(0.02)


def lasted(operation: Json) -> float:
    """Return the seconds from the record of an operation to its end."""
    begun, ended = (datetime.fromisoformat(operation[at]) for at in ("created_at", "finished_at"))
    return (ended - begun).total_seconds()


def act(
    one: World, action: str, body: Json, node: str = "vm-1", cloud: str = "cloud", **headers: str
) -> Any:
    path = f"/api/v2/clouds/{cloud}/nodes/{node}/actions/{action}"
    return one.api.post(path, body, **headers)


def resize(one: World, size: str = "l", **headers: str) -> Any:
    return act(one, "resize", {"size": size}, **headers)


def calls(hook: str) -> int:
    return sum(call[0] == hook for call in ASKED)


def test_a_resize_that_the_cloud_works_on_is_answered_and_confirmed_later(slow: World) -> None:
    LATE.append("slow")
    answer = resize(slow, **{"Idempotency-Key": "once"})
    assert answer.status == 200
    assert answer.json["pending"]
    waiting = ended(slow, "resize_vm", lambda _: calls("confirm_resize") > 2)
    assert (waiting["id"], waiting["step"]) == (answer.json["operation"], "finish")
    LATE.clear()
    operation = ended(slow, "resize_vm")
    assert (operation["state"], operation["error"]) == ("succeeded", None)
    assert operation["result"] == {"node": {"id": "vm-1", "cloud": "cloud"}, "pending": False}
    assert not resize(slow, **{"Idempotency-Key": "once"}).json["pending"]
    assert calls("resize_vm") == 1


def test_a_resize_that_the_cloud_gives_up_fails_with_its_reason(slow: World) -> None:
    LATE.append("given up")
    assert resize(slow).status == 200
    operation = ended(slow, "resize_vm")
    assert operation["state"] == "failed"
    assert operation["error"] == {
        "error_code": "refused",
        "detail": "No host has room for this size",
    }


@pytest.mark.parametrize("size", ["l", "Large"])
def test_a_size_is_given_by_its_id_or_its_name(slow: World, size: str) -> None:
    assert resize(slow, size).status == 200
    assert ended(slow, "resize_vm")["state"] == "succeeded"
    assert ("resize_vm", "vm-1", "l") in ASKED
    assert ("confirm_resize", "vm-1", "l") in ASKED


def test_a_size_that_does_not_exist_is_refused_before_anything_is_done(slow: World) -> None:
    answer = resize(slow, "enormous")
    assert (answer.status, answer.error_code) == (422, "size_not_found")
    assert "enormous" in answer.message
    assert not ASKED


def test_a_resize_whose_answer_was_lost_is_found_and_never_repeated(slow: World) -> None:
    LATE.append("lost")
    answer = resize(slow)
    assert (answer.status, answer.error_code) == (504, "cloud_timeout")
    operation = ended(slow, "resize_vm")
    assert (operation["state"], operation["id"]) == ("succeeded", answer.json["operation"])
    assert calls("resize_vm") == 1


def test_a_resize_that_never_reached_the_cloud_fails_after_a_while(slow: World) -> None:
    LATE.append("unreached")
    assert resize(slow).status == 504
    operation = ended(slow, "resize_vm")
    assert (operation["state"], operation["error"]["error_code"]) == ("failed", "refused")
    assert calls("resize_vm") == 1
    # Before that, the request could still be on its way.
    assert lasted(operation) >= VISIBILITY_TIMEOUT


def test_a_resize_of_a_node_that_is_gone_meanwhile_fails(slow: World) -> None:
    LATE.append("slow")
    assert resize(slow).status == 200
    del slow.nodes["vm-1"]
    operation = ended(slow, "resize_vm")
    assert operation["error"]["error_code"] == "node_not_found"


def test_a_cloud_without_a_confirmation_has_resized_when_it_accepts(tmp_path: Path) -> None:
    with world(tmp_path, "tests.selection.test_actions:NoConfirmation") as one:
        one.has("vm-1", "one")
        answer, operation = resize(one).json, ended(one, "resize_vm")
        node = {"id": "vm-1", "cloud": "cloud"}
        assert answer == {"node": node, "pending": False, "operation": operation["id"]}
        assert operation["state"] == "succeeded"


def rename(one: World, name: str = "uno", node: str = "vm-1", cloud: str = "cloud") -> Any:
    return act(one, "rename", {"name": name}, node, cloud)


def test_a_renamed_vm_is_found_by_its_new_name_only(slow: World) -> None:
    assert slow.assign(node="vm-1").status == 200
    assert rename(slow).json["node"] == {"id": "vm-1", "cloud": "cloud"}
    (vm,) = (vm for vm in slow.api.get("/vm/status").json["nodes"] if vm["id_vm"] == "vm-1")
    assert (vm["hostname"], vm["user"]) == ("uno", "ann")
    held = slow.api.get("/api/v2/assignments?node=vm-1").json["assignments"]
    assert [one["hostname"] for one in held] == ["uno"]
    assert slow.api.put("/vm/action/release", {"hostname": "one"}).status == 400
    assert slow.api.put("/vm/action/release", {"hostname": "uno"}).status == 200


def test_a_rename_whose_answer_was_lost_is_found_and_never_repeated(slow: World) -> None:
    assert slow.assign(node="vm-1").status == 200
    LATE.append("lost")
    assert rename(slow).status == 502
    operation = ended(slow, "rename_vm")
    assert operation["state"] == "succeeded"
    assert calls("rename_vm") == 1
    held = slow.api.get("/api/v2/assignments?node=vm-1").json["assignments"]
    assert [one["hostname"] for one in held] == ["uno"]


def test_a_rename_that_never_reached_the_cloud_fails_after_a_while(slow: World) -> None:
    LATE.append("unreached")
    assert rename(slow).status == 502
    operation = ended(slow, "rename_vm")
    assert (operation["state"], operation["error"]["error_code"]) == ("failed", "unknown_outcome")
    assert calls("rename_vm") == 1


def test_an_image_is_shown_as_in_the_list(slow: World) -> None:
    answer = act(slow, "create_image", {"name": "golden"})
    listed = slow.api.get("/api/v2/clouds/cloud/images").json["images"]
    (image,) = (one for one in listed if one["name"] == "golden")
    assert answer.json["image"].items() <= image.items()
    made = ended(slow, "create_image")["result"]["image"]
    assert (made["id"], made["name"]) == (image["id"], "golden")


def test_an_image_whose_answer_was_lost_is_not_made_again(slow: World) -> None:
    LATE.append("lost")
    once = {"Idempotency-Key": "once"}
    answer = act(slow, "create_image", {"name": "golden"}, **once)
    assert (answer.status, answer.error_code) == (504, "cloud_timeout")
    assert ended(slow, "create_image")["state"] == "failed"
    LATE.clear()
    again = act(slow, "create_image", {"name": "golden"}, **once)
    assert again.error_code == "cloud_timeout"
    assert calls("create_image") == 1


def test_the_console_of_a_node_without_secrets_and_only_its_end(slow: World) -> None:
    register_secret("correct-horse-battery")
    node = slow.nodes["vm-1"]
    node.extra["console"] = "é" * 2**20 + "\r\n\x1b[1mpassword correct-horse-battery\x1b[0m"
    path = "/api/v2/clouds/cloud/nodes/vm-1/console"
    output = slow.api.get(path).json["output"]
    assert output.endswith("\r\n\x1b[1mpassword ***\x1b[0m")
    assert len(output.encode()) in range(2**20 - 3, 2**20 + 1)
    node.extra["console"] = "half \ud800"
    assert slow.api.get(path).json["output"] == "half ?"


@pytest.mark.parametrize("node", ["none", "a/b%3Fc"])
def test_a_console_that_is_refused(slow: World, node: str) -> None:
    answer = slow.api.get(f"/api/v2/clouds/cloud/nodes/{node}/console")
    assert (answer.status, answer.error_code) == (404, "node_not_found"), answer


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Named]:
    with namesakes_world(tmp_path) as one:
        yield one


def test_a_vm_whose_backend_knows_it_by_its_hostname_keeps_it_while_assigned(named: Named) -> None:
    node = named.known("one", "web")
    assert named.assign(node=node).status == 200
    answer = rename(named, "db", node)
    assert (answer.status, answer.error_code) == (409, "already_assigned")
    assert "release it first" in answer.message
    assert named.nodes[node].name == "web"
    assert named.release(node=node).status == 200


def test_a_vm_that_only_the_backend_has_assigned_keeps_its_hostname_too(named: Named) -> None:
    node = named.known("one", "web")
    named.record(node).user = "bob"
    assert rename(named, "db", node).error_code == "already_assigned"


def test_the_hostname_of_an_assigned_vm_is_given_to_no_other(named: Named) -> None:
    node, other = named.known("one", "web"), named.has("other", "db", cloud="second")
    assert named.assign(node=node).status == 200
    answer = rename(named, "WEB", other, "second")
    assert (answer.status, answer.error_code) == (409, "ambiguous_hostname")
    assert "choose another name" in answer.message
    assert rename(named, "app", other, "second").status == 200


def test_a_vm_that_is_being_renamed_is_not_assigned(
    named: Named, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backend would get the old hostname, and the rename could still take effect."""

    def lost(_: GoodCloud) -> None:
        raise CloudError("The answer was lost")

    monkeypatch.setattr(GoodCloud, "rename_vm", hookimpl(lost))
    node = named.known("one", "web")
    answer = rename(named, "db", node)
    refused = named.assign(node=node)
    assert (refused.status, refused.error_code) == (400, "refused")
    assert f"is being renamed by operation {answer.json['operation']}" in refused.message
    assert named.record(node).user == ""


def test_a_vm_of_another_backend_is_renamed_while_assigned(named: Named) -> None:
    node = named.has("one", "web", cloud="third")
    body = {"node": node, "user": "ann", "vm_type": "app"}
    assert named.api.put("/vm/action/assign/third", body).status == 200
    assert rename(named, "db", node, "third").status == 200
