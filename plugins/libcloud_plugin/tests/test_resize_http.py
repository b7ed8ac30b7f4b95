"""A resize in OpenStack through the whole server, whose durable worker is killed in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from openstack_cloud import Answer, OpenStack, flavor, in_json, server, serving

from orchestrator_core.faultpoints import VARIABLE
from tests.conftest import running
from tests.stateful import Api, wait_for

SETTINGS = """
default_cloud = "stack"
[state]
url = "sqlite:///state.db"
retry_delay = 0.1
max_retry_delay = 0.3
[clouds.stack]
driver = "libcloud"
provider = "openstack"
key = "u"
secret = "env:TEST_SECRET"
retries = 0
destroy = "all"
visibility_timeout = 1
[clouds.stack.arguments]
ex_force_auth_url = "{url}"
ex_force_auth_version = "3.x_password"
ex_tenant_name = "t"
"""
ID = server(1)["id"]
STATE, TASK = "OS-EXT-STS:vm_state", "OS-EXT-STS:task_state"


class Nova(OpenStack):
    """A Nova that works on a resize for two looks, then waits for its confirmation."""

    looks = 0
    confirmed = 0
    resized = 0

    def answer(self, method: str, target: str, headers: object, body: bytes) -> Answer:
        (vm,) = self.servers
        if target.endswith(f"/servers/{ID}") and method == "GET":
            if vm[TASK]:
                self.looks += 1
            if self.looks > 2 and vm[TASK]:
                vm |= {TASK: None, STATE: "resized", "flavor": {"id": "2"}}
            return in_json({"server": vm})
        if target.endswith("/action") and b"confirmResize" in body:
            self.confirmed += 1
            vm[STATE] = "active"
            return 204, {}, b""
        if target.endswith("/action") and b"resize" in body:
            self.resized += 1
            vm[TASK] = "resize_prep"
            return 202, {}, b""
        return super().answer(method, target, headers, body)


@pytest.fixture
def nova() -> Iterator[Nova]:
    vm = server(1, **{STATE: "active", TASK: None})
    cloud = Nova(flavors=[flavor(1), flavor(2)], servers=[vm])
    with serving(cloud):
        yield cloud


@pytest.mark.parametrize("point", ["action.answered", "action.confirmed"])
def test_a_resize_is_confirmed_although_its_process_dies(
    tmp_path: Path, nova: Nova, point: str
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    variables = {"TEST_SECRET": "p", VARIABLE: f"{point}@{armed}"}
    settings = SETTINGS.format(url=nova.url(""))
    with running(settings, tmp_path, variables) as served:
        served.wait_for_log("durable worker ready")
        api = Api(served)
        with api.http:
            with suppress(httpx2.TransportError):  # the process that answers may be the one
                api.act(ID, "resize", {"size": "m1.2"}, cloud="stack")

            def ended() -> bool:
                with suppress(httpx2.TransportError):  # no process has replaced the dead one yet
                    (operation,) = api.operations(kind="resize_vm")
                    return bool(operation["state"] == "succeeded")
                return False

            wait_for(ended, bool)
    assert not armed.exists()
    assert (nova.resized, nova.confirmed) == (1, 1)
    assert nova.servers[0][STATE] == "active"
