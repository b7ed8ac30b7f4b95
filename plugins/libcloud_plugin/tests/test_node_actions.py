"""Resizes, renames, images and console output against servers on loopback.

The requests are those of the providers' references: Amazon EC2 API Reference
(ModifyInstanceAttribute, CreateTags, CreateImage, GetConsoleOutput), and OpenStack Compute API
(Resize Server, Confirm Resized Server, Update Server, Create Image, Show Console Output).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from any_host import Reply, Request
from openstack_cloud import Answer, OpenStack, flavor, in_json, server, serving

from orchestrator_core import (
    Conflict,
    Deadline,
    ImageFilter,
    InvalidParameter,
    Node,
    NodeNotFound,
    NodeState,
    Refused,
    Size,
    StartRequest,
)
from orchestrator_libcloud import LibcloudDriver

SMALL, LARGE = Size("t3.small", "t3.small"), Size("t3.large", "t3.large")


@pytest.fixture
def instance(ec2: LibcloudDriver, deadline: Deadline) -> Node:
    request = StartRequest(
        "web", ec2.list_images(filters=ImageFilter(), deadline=deadline)[0], SMALL
    )
    return ec2.start_vm(request=request, deadline=deadline)


def test_ec2_resizes_an_instance_that_is_stopped(
    ec2: LibcloudDriver, instance: Node, deadline: Deadline
) -> None:
    with pytest.raises(Conflict, match="power it off first") as caught:
        ec2.resize_vm(instance.id, LARGE, deadline)
    assert caught.value.nothing_done
    ec2.power_off_vm(instance.id, deadline)
    with pytest.raises(InvalidParameter, match=r"t3\.small"):
        ec2.resize_vm(instance.id, SMALL, deadline)
    ec2.resize_vm(instance.id, LARGE, deadline)
    shown = ec2.get_node(instance.id, deadline)
    assert shown.extra["instance_type"] == "t3.large"
    assert shown.state is NodeState.STOPPED


def test_ec2_renames_with_the_name_tag_and_keeps_the_marker(
    ec2: LibcloudDriver, deadline: Deadline
) -> None:
    marker = f"0123456789ab-{'e' * 32}"
    image = ec2.list_images(filters=ImageFilter(), deadline=deadline)[0]
    node = ec2.start_vm(StartRequest("web", image, SMALL, marker=marker), deadline)
    ec2.rename_vm(node.id, "db", deadline)
    shown = ec2.get_node(node.id, deadline)
    assert (shown.name, shown.marker) == ("db", marker)
    assert ec2.find_node(marker, deadline).id == node.id


def test_ec2_makes_an_image_without_a_reboot(
    ec2: LibcloudDriver, raw_ec2: Any, instance: Node, deadline: Deadline
) -> None:
    image = ec2.create_image(instance.id, f"golden-{instance.id}", deadline)
    assert image.name == f"golden-{instance.id}"
    (made,) = raw_ec2.list_images(ex_image_ids=[image.id])
    assert made.name == image.name
    assert ec2.get_node(instance.id, deadline).state is NodeState.RUNNING


def test_ec2_shows_the_console(ec2: LibcloudDriver, instance: Node, deadline: Deadline) -> None:
    assert "Kernel command line" in ec2.get_console_output(instance.id, deadline)


@pytest.mark.parametrize("output", ["", base64.b64encode(b"caf\xe9 \x1b[1m\r\n").decode()])
def test_ec2_shows_a_console_that_libcloud_cannot_read(
    served: Callable[..., LibcloudDriver], output: str
) -> None:
    space = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
    vm = "<instanceId>i-1</instanceId><instanceState><name>running</name></instanceState>"

    def answer(request: Request) -> Reply:
        if request.query["Action"] == "GetConsoleOutput":
            assert request.query["InstanceId"] == "i-1"
            told = f"<output>{output}</output>" if output else ""
            return Reply(f"<r {space}><instanceId>i-1</instanceId>{told}</r>".encode())
        items = f"<item><instancesSet><item>{vm}</item></instancesSet></item>"
        return Reply(f"<r {space}><reservationSet>{items}</reservationSet></r>".encode())

    driver = served("ec2", answer, region="eu-west-1")
    wanted = "caf\ufffd \x1b[1m\r\n" if output else ""
    assert driver.get_console_output("i-1", Deadline(20)) == wanted


ID = server(1)["id"]
PASSWORD = "not-a-secret-of-nova"
STATE, TASK = "OS-EXT-STS:vm_state", "OS-EXT-STS:task_state"


@dataclass
class Nova:
    """One server of Nova, as the OpenStack Compute API describes it."""

    vm: dict[str, Any] = field(default_factory=lambda: server(1, **{STATE: "active", TASK: None}))
    sent: list[Any] = field(default_factory=list)
    status: int = 204
    named_in: str = "header"
    refusal: str = ""

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        if self.refusal and path.startswith(f"/v2.1/servers/{ID}") and method != "GET":
            return in_json({"badRequest": {"code": 400, "message": self.refusal}}, 400)
        if path == f"/v2.1/servers/{ID}" and method == "GET":
            return in_json({"server": self.vm})
        if path == f"/v2.1/servers/{ID}" and method == "PUT":
            self.sent.append(json.loads(body))
            self.vm |= json.loads(body)["server"]
            return in_json({"server": self.vm})
        if path == f"/v2.1/servers/{ID}/action":
            self.sent.append(json.loads(body))
            return self._action(json.loads(body))
        return None

    def _action(self, body: dict[str, Any]) -> Answer:
        if "resize" in body:
            self.vm |= {"status": "RESIZE", STATE: "active", TASK: "resize_prep"}
            return 202, {}, b""
        if "confirmResize" in body:
            if self.status == 204:
                self.vm |= {"status": "ACTIVE", STATE: "active"}
                return 204, {}, b""
            return in_json({"conflictingRequest": {"code": 409, "message": "busy"}}, self.status)
        if "createImage" in body:
            if self.named_in == "body":
                return in_json({"image_id": "image-9"}, 202)
            return 202, {"Location": "http://glance.invalid/v2/images/image-9"}, b""
        return in_json({"output": "login: \x1b[0m"})


@pytest.fixture
def nova() -> Nova:
    return Nova()


@pytest.fixture
def stack(
    make: Callable[..., LibcloudDriver], nova: Nova, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LibcloudDriver]:
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    cloud = OpenStack(flavors=[flavor(1), flavor(2)])
    usual = cloud.answer

    def answer(method: str, target: str, headers: Any, body: bytes) -> Answer:
        return nova.answer(method, target, body) or usual(method, target, headers, body)

    setattr(cloud, "answer", answer)  # noqa: B010 - to mypy a method is for ever
    with serving(cloud):
        yield make(
            provider="openstack",
            key="user",
            secret="env:TEST_PASSWORD",
            arguments={
                "ex_force_auth_url": cloud.url(""),
                "ex_force_auth_version": "3.x_password",
                "ex_tenant_name": "t",
            },
        )


def test_openstack_confirms_a_resize_once_nova_waits_for_it(
    stack: LibcloudDriver, nova: Nova, deadline: Deadline
) -> None:
    size = stack.get_size("2", deadline)
    stack.resize_vm(ID, size, deadline)
    assert nova.sent == [{"resize": {"flavorRef": "2"}}]
    assert not stack.confirm_resize(ID, size, deadline)
    nova.vm |= {"status": "VERIFY_RESIZE", STATE: "resized", TASK: None, "flavor": {"id": "2"}}
    assert stack.confirm_resize(ID, size, deadline)
    assert nova.sent[1:] == [{"confirmResize": None}]
    assert stack.confirm_resize(ID, size, deadline)
    assert len(nova.sent) == 2


def test_openstack_waits_for_a_confirmation_that_is_under_way(
    stack: LibcloudDriver, nova: Nova, deadline: Deadline
) -> None:
    nova.vm |= {"status": "VERIFY_RESIZE", STATE: "resized", TASK: None, "flavor": {"id": "2"}}
    nova.status = 409
    assert not stack.confirm_resize(ID, Size("2", "m1.2"), deadline)


def test_openstack_knows_a_flavor_by_its_name_too(
    stack: LibcloudDriver, nova: Nova, deadline: Deadline
) -> None:
    """From microversion 2.47 on, Nova shows the flavor without its id."""
    nova.vm["flavor"] = {"original_name": "m1.2", "ram": 1024}
    assert stack.confirm_resize(ID, Size("2", "m1.2"), deadline)


@pytest.mark.parametrize("status", [204, 409])
def test_openstack_tries_to_confirm_where_a_policy_hides_the_state(
    stack: LibcloudDriver, nova: Nova, deadline: Deadline, status: int
) -> None:
    del nova.vm[STATE], nova.vm[TASK]
    nova.vm["flavor"], nova.status = {"id": "2"}, status
    assert stack.confirm_resize(ID, Size("2", "m1.2"), deadline)
    assert nova.sent == [{"confirmResize": None}]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"status": "ACTIVE"}, "was not resized"),
        (
            {"status": "ERROR", STATE: "error", "fault": {"message": "No valid host was found"}},
            "No valid host was found",
        ),
    ],
)
def test_openstack_says_that_a_resize_was_given_up(
    stack: LibcloudDriver, nova: Nova, deadline: Deadline, more: dict[str, Any], why: str
) -> None:
    nova.vm |= more
    with pytest.raises(Refused, match=why):
        stack.confirm_resize(ID, Size("2", "m1.2"), deadline)


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ({"message": "Failed to reach http://[fd00::7]:9696/v2.0"}, "Failed to reach"),
        ({"message": f"Login with {PASSWORD} failed"}, "Login with"),
        ({"message": ["odd"]}, "Nova gives no reason"),
        ("odd", "Nova gives no reason"),
        (None, "Nova gives no reason"),
    ],
)
def test_openstack_quotes_a_failed_resize_without_secrets_and_addresses(
    stack: LibcloudDriver,
    nova: Nova,
    deadline: Deadline,
    fault: Any,
    shown: str,
) -> None:
    nova.vm |= {"status": "ERROR", STATE: "error", "fault": fault}
    with pytest.raises(Refused, match=shown) as caught:
        stack.confirm_resize(ID, Size("2", "m1.2"), deadline)
    assert "fd00::7" not in caught.value.message
    assert PASSWORD not in caught.value.message


def test_openstack_renames(stack: LibcloudDriver, nova: Nova, deadline: Deadline) -> None:
    stack.rename_vm(ID, "db", deadline)
    assert nova.sent == [{"server": {"name": "db"}}]
    assert stack.get_node(ID, deadline).name == "db"


_INPUT = "Invalid input for field/attribute name. Value: xxx. 'xxx' is too long"


@pytest.mark.parametrize(
    ("change", "message", "field"),
    [
        ("rename", _INPUT, "name"),
        ("rename", "An invalid 'name' value was provided. The name must be: printable.", "name"),
        ("image", _INPUT, "name"),
        ("resize", "When resizing, instances must change flavor!", "size"),
        ("resize", "Resize to zero disk flavor is not allowed.", "size"),
        ("resize", "Flavor's memory is too small for requested image.", "size"),
    ],
)
def test_a_refused_change_names_its_parameter(
    stack: LibcloudDriver, nova: Nova, change: str, message: str, field: str
) -> None:
    nova.refusal = message
    deadline = Deadline(20)
    size = stack.get_size("2", deadline)
    changes: dict[str, Callable[[], object]] = {
        "rename": lambda: stack.rename_vm(ID, " x", deadline),
        "image": lambda: stack.create_image(ID, " x", deadline),
        "resize": lambda: stack.resize_vm(ID, size, deadline),
    }
    with pytest.raises(InvalidParameter, match=re.escape(message)) as caught:
        changes[change]()
    assert caught.value.field == field


def test_a_refused_change_names_no_parameter_that_it_does_not_have(
    stack: LibcloudDriver, nova: Nova, deadline: Deadline
) -> None:
    nova.refusal = "Flavor's memory is too small for requested image."
    with pytest.raises(Refused, match="refused this: Flavor's memory"):
        stack.rename_vm(ID, "x", deadline)


@pytest.mark.parametrize("named_in", ["header", "body"])
def test_openstack_makes_an_image(
    stack: LibcloudDriver, nova: Nova, deadline: Deadline, named_in: str
) -> None:
    nova.named_in = named_in
    image = stack.create_image(ID, "golden", deadline)
    assert (image.id, image.name) == ("image-9", "golden")
    assert nova.sent == [{"createImage": {"name": "golden"}}]


def test_openstack_shows_the_console(stack: LibcloudDriver, nova: Nova, deadline: Deadline) -> None:
    assert stack.get_console_output(ID, deadline) == "login: \x1b[0m"
    assert nova.sent == [{"os-getConsoleOutput": {"length": None}}]


@pytest.mark.parametrize("hook", ["rename_vm", "create_image", "get_console_output"])
def test_openstack_says_that_a_server_is_missing(
    stack: LibcloudDriver, deadline: Deadline, hook: str
) -> None:
    more = {} if hook == "get_console_output" else {"name": "n"}
    with pytest.raises(NodeNotFound):
        getattr(stack, hook)(server(7)["id"], deadline=deadline, **more)
