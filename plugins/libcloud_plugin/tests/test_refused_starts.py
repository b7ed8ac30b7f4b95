"""Starts that a cloud refuses at once, or after it has created a VM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from any_host import Reply, Request, any_host
from storm_clouds import OpenStack, in_json

from tests.conftest import running
from tests.stateful import Api, wait_for

_LISTING = ("GET", "/v2.1/servers/detail")
_QUOTA = in_json({"forbidden": {"code": 403, "message": "Quota exceeded for instances"}}, 403)
_WRONG = in_json({"badRequest": {"code": 400, "message": "Invalid key_name provided."}}, 400)
_PAGE = Reply(b"<html>403 Forbidden</html>", 403, (("Content-Type", "text/html"),))


class Nova:
    """A server with one OpenStack behind it."""

    def __init__(self, api: Api, cloud: OpenStack) -> None:
        self.api = api
        self.cloud = cloud

    def start(self, key: str) -> Any:
        order = {"name": "web", "image": "i", "size": "s"}
        headers = {"Idempotency-Key": key}
        return self.api.http.post("/vm/start/os", json=order, headers=headers)

    def operation(self, answer: Any) -> dict[str, Any]:
        return self.api.operation(answer.json()["operation"])


@pytest.fixture
def nova(tmp_path: Path) -> Iterator[Nova]:
    ports: list[int] = []
    cloud = OpenStack(lambda: ports[0])

    def answer(request: Request) -> Reply:
        return cloud(request)

    toml = """default_cloud = "os"
[state]
url = "sqlite:///state.db"
retry_delay = 0.2
max_retry_delay = 0.5
[clouds.os]
driver = "libcloud"
provider = "openstack"
key = "me"
secret = "env:TEST_SECRET"
region = "RegionOne"
visibility_timeout = 2
destroy = "own"
[clouds.os.arguments]
ex_force_auth_url = "http://127.0.0.1:PORT"
ex_force_auth_version = "3.x_password"
ex_tenant_name = "t"
ex_domain_name = "Default"
"""
    with any_host(answer, trustme.CA()) as port:
        ports.append(port)
        with running(toml.replace("PORT", str(port)), tmp_path, {"TEST_SECRET": "s"}) as server:
            # The first scan for orphans lists the servers too, and a test counts such listings.
            wait_for(lambda: list(cloud.seen), lambda seen: _LISTING in seen)
            api = Api(server)
            with api.http:
                yield Nova(api, cloud)


@pytest.mark.parametrize("refusal", [_QUOTA, _WRONG], ids=["quota", "wrong"])
def test_a_refusal_of_the_request_that_creates_ends_the_start(nova: Nova, refusal: Reply) -> None:
    nova.cloud.refuses = refusal
    answer = nova.start("k")
    assert answer.status_code in (400, 502), answer.text
    operation = nova.operation(answer)
    assert (operation["state"], operation["attempts"]) == ("failed", 1)
    asked = nova.cloud.seen
    after = asked[asked.index(("POST", "/v2.1/servers")) :]
    assert _LISTING not in after
    # The key may be used again.
    nova.cloud.refuses = None
    assert nova.start("k").status_code == 200
    assert nova.cloud.vms.made == 1


def test_a_refusal_that_is_not_the_clouds_own_is_not_believed(nova: Nova) -> None:
    nova.cloud.refuses = _PAGE
    answer = nova.start("k")
    assert answer.status_code != 200
    assert nova.operation(answer)["state"] in ("pending", "running")
    assert nova.start("k").status_code == 409
    settled = nova.api.settled(answer.json()["operation"])
    assert settled["state"] == "failed"


def test_a_vm_that_was_made_before_the_refusal_is_destroyed(nova: Nova) -> None:
    """Nova creates the VM, and refuses Libcloud's request for it after that."""
    hidden = [in_json({"conflictingRequest": {"code": 409, "message": "not now"}}, 409)]
    servers = nova.cloud._servers

    def refuse_the_look(request: Request, what: list[str]) -> Reply:
        if request.method == "GET" and what != ["detail"] and hidden:
            return hidden.pop()
        return servers(request, what)

    nova.cloud._servers = refuse_the_look  # type: ignore[method-assign]
    answer = nova.start("k")
    assert (answer.status_code, nova.cloud.vms.made) == (400, 1)
    settled = nova.api.settled(answer.json()["operation"])
    assert (settled["state"], settled["error"]["error_code"]) == ("failed", "conflict")
    assert "is being destroyed" in settled["error"]["detail"]
    wait_for(nova.cloud.vms.ids, lambda ids: not ids)
    # The same key never creates a second VM.
    again = nova.start("k")
    assert (again.status_code, nova.cloud.vms.made) == (400, 1)


# --- moto, which creates an instance and refuses its tags after that ---------------------------


@pytest.fixture
def amazon(ec2_settings: dict[str, Any], tmp_path: Path) -> Iterator[Api]:
    lines = [
        'default_cloud = "aws"',
        '[state]\nurl = "sqlite:///state.db"\nretry_delay = 0.2\nmax_retry_delay = 1',
        '[clouds.aws]\ndriver = "libcloud"\nvisibility_timeout = 2\ndestroy = "own"',
    ]
    for key, value in ec2_settings.items():
        written = str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
        lines.append(f"{key} = {written}")
    secrets = {"TEST_EC2_KEY": "AKIAIOSFODNN7EXAMPLE", "TEST_EC2_SECRET": "wJalrXUtnFEMIexample"}
    with running("\n".join(lines), tmp_path, secrets) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            yield api


def living(api: Api) -> set[str]:
    return {node["id"] for node in api.get("/nodes")["nodes"] if node["state"] != 2}


def test_refused_tags_leave_no_instance_running(amazon: Api) -> None:
    image = amazon.get("/images")["images"][0]["id"]
    metadata = {f"k{number}": "v" for number in range(60)}
    order = {"name": "web", "image": image, "size": "t3.small", "metadata": metadata}
    before = living(amazon)
    for _ in range(3):
        answer = amazon.http.post("/vm/start", json=order, headers={"Idempotency-Key": "tags"})
        assert answer.status_code == 400
        assert "at most 48" in answer.json()["message"]
    assert living(amazon) == before
