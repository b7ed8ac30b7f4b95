"""Stops, reboots and power changes of providers whose Libcloud drivers report them wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from any_host import Reply, Request, any_host

from orchestrator_core import (
    CloudError,
    Conflict,
    CredentialsRefused,
    Deadline,
    NodeNotFound,
    OrchestratorError,
)
from orchestrator_libcloud import LibcloudDriver, providers
from orchestrator_libcloud.changes import actions
from orchestrator_libcloud.support import unsupported

Make = Callable[..., LibcloudDriver]
Answer = Callable[[Request], Reply]
Start = Callable[..., tuple[LibcloudDriver, list[Request]]]


def in_json(value: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status, (("Content-Type", "application/json"),))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start(
    make: Make, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    monkeypatch.setenv("TEST_SECRET", "s3cret")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ExitStack() as stack:

        def _start(answer: Answer, **settings: Any) -> tuple[LibcloudDriver, list[Request]]:
            asked: list[Request] = []

            def noting(request: Request) -> Reply:
                asked.append(request)
                return answer(request)

            port = stack.enter_context(any_host(noting, authority))
            where = {"proxy": f"http://127.0.0.1:{port}", "ca_file": str(tmp_path / "ca.pem")}
            return make(key="k", **where, **settings), asked

        yield _start


ACTIONS = ("stop_vm", "reboot_vm", "power_on_vm", "power_off_vm")


def equinix(status: int) -> Answer:
    def answer(request: Request) -> Reply:
        if request.method == "GET":
            device = {"id": "d1", "hostname": "d1", "state": "active"}
            one = {"projects": [{"id": "p", "name": "p"}], "devices": [device]}
            return in_json({**one, "meta": {"current_page": 1, "last_page": 1, "total": 1}})
        return Reply(b"", status) if status == 204 else in_json({"errors": ["No."]}, status)

    return answer


@pytest.mark.parametrize("action", ACTIONS)
def test_a_success_with_another_status_than_libclouds_is_one(
    start: Start, deadline: Deadline, action: str
) -> None:
    for status in (202, 204):
        driver, asked = start(equinix(status), provider="equinixmetal")
        getattr(driver, action)(node_id="d1", deadline=deadline)
        assert asked[-1].method == ("DELETE" if action == "stop_vm" else "POST")
    driver, _ = start(equinix(403), provider="equinixmetal")
    with pytest.raises(CredentialsRefused):
        getattr(driver, action)(node_id="d1", deadline=deadline)


def outscale(refusal: int = 0) -> Answer:
    def answer(request: Request) -> Reply:
        if request.path.endswith("/ReadVms"):
            return in_json({"Vms": [{"VmId": "i-1", "State": "running", "Tags": []}]})
        if not refusal:
            return in_json({"Vms": []})
        error = {"Type": "InvalidParameterType", "Code": "4110", "Details": "no string"}
        return in_json({"Errors": [error]}, refusal)

    return answer


@pytest.mark.parametrize(
    ("action", "sent"),
    list(zip(ACTIONS, ("DeleteVms", "RebootVms", "StartVms", "StopVms"), strict=True)),
)
def test_outscale_is_sent_what_it_takes_and_its_refusals_are_errors(
    start: Start, deadline: Deadline, action: str, sent: str
) -> None:
    pair = {"provider": "outscale", "secret": "env:TEST_SECRET", "region": "eu-west-2"}
    driver, asked = start(outscale(), **pair)
    getattr(driver, action)(node_id="i-1", deadline=deadline)
    assert asked[-1].path.endswith(f"/{sent}")
    assert json.loads(asked[-1].body)["VmIds"] == ["i-1"]
    errors: dict[int, type[OrchestratorError]] = {
        401: CredentialsRefused,
        409: Conflict,
        500: CloudError,
    }
    for status, error in errors.items():
        driver, _ = start(outscale(status), **pair)
        with pytest.raises(error):
            getattr(driver, action)(node_id="i-1", deadline=deadline)


class Off:
    """A node that its driver shows as stopped."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.extra: dict[str, Any] = {}


def test_a_reboot_of_a_kubevirt_vm_that_is_off_is_no_missing_vm() -> None:
    module = providers.load("kubevirt")
    driver = object.__new__(module)  # Its constructor calls the cluster.
    done = actions.perform(driver, "reboot_node", Off("stopped"), actions.Options())
    assert done is False
    assert not actions.false_is_success(driver, None)


def azure(status: int) -> Answer:
    vm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"

    def answer(request: Request) -> Reply:
        if "oauth2" in request.path:
            return in_json({"access_token": "t", "expires_on": "9999999999", "expires_in": "3600"})
        if request.path.endswith("/restart"):
            return in_json({"error": {"code": "Conflict", "message": "No."}}, status)
        if request.path.endswith("/InstanceView"):
            return in_json({"statuses": [{"code": "PowerState/running"}]})
        found = {
            "id": vm,
            "name": "v",
            "location": "eastus",
            "properties": {
                "networkProfile": {"networkInterfaces": []},
                "hardwareProfile": {"vmSize": "s"},
                "storageProfile": {"osDisk": {"osType": "Linux"}},
            },
        }
        return in_json({"value": [found]})

    return answer


@pytest.mark.parametrize(
    ("status", "error"),
    [(202, None), (200, None), (403, CredentialsRefused), (409, Conflict), (500, CloudError)],
)
def test_a_refused_restart_on_azure_says_why(
    start: Start, deadline: Deadline, status: int, error: type[OrchestratorError] | None
) -> None:
    tenant = {"tenant_id": "t", "subscription_id": "s"}
    driver, _ = start(
        azure(status),
        provider="azure_arm",
        secret="env:TEST_SECRET",
        region="eastus",
        arguments=tenant,
    )
    (node,) = driver.list_nodes(deadline=deadline)
    if error is None:
        driver.reboot_vm(node_id=node.id, deadline=deadline)
        return
    with pytest.raises(error) as caught:
        driver.reboot_vm(node_id=node.id, deadline=deadline)
    assert type(caught.value) is error or error is CloudError


def test_every_stand_in_stands_for_a_method_of_libclouds() -> None:
    classes = [providers.load(name) for name in providers.names()]
    offered = {(cls.__module__, name) for cls in classes for name in dir(cls)}
    assert actions._OWN.keys() <= offered
    assert {cls.__module__ for cls in classes} >= actions._FALSE_MEANS_ANOTHER_STATUS


def test_a_start_that_would_leave_things_behind_is_not_claimed() -> None:
    found = unsupported({"provider": "gridscale", "arguments": {}}, providers.load("gridscale"))
    assert "a stop leaves disk and address" in found["start_vm"]


def test_what_is_not_there_is_not_there(start: Start, deadline: Deadline) -> None:
    driver, _ = start(equinix(204), provider="equinixmetal")
    with pytest.raises(NodeNotFound):
        driver.stop_vm(node_id="d2", deadline=deadline)
