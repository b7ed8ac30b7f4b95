"""Refusals of a cloud as callers and the log see them, through the whole API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import json_clouds
import pytest
import structlog
import trustme
from any_host import Reply, Request, any_host
from paged_clouds import Cloud, in_json

from orchestrator_core.app import create_app
from orchestrator_core.settings.load import load_settings

PASSWORD = "Pa55w0rd-of-nova"
START = {"name": "web", "image": "img-1", "size": "1"}


class Nova:
    """Keystone and Nova; the next request of one kind gets ``refusal``."""

    def __init__(self) -> None:
        self.port = 0
        self.refusal: tuple[int, Any] | None = None
        self.seen: list[tuple[str, str]] = []

    def __call__(self, request: Request) -> Reply:
        self.seen.append((request.method, request.path))
        if request.path.endswith("/auth/tokens"):
            return json_clouds.keystone_and_co(lambda: self.port)(Cloud("whole"), request)
        is_list = request.path.endswith("/servers/detail")
        if self.refusal and (request.method == "POST" or is_list):
            status, body = self.refusal
            self.refusal = None if is_list else self.refusal
            return Reply(json.dumps(body).encode(), status, (("Content-Type", "application/json"),))
        if request.path.endswith("/flavors/detail"):
            return in_json({"flavors": [_FLAVOR]})
        if request.path.endswith("/flavors/1"):
            return in_json({"flavor": _FLAVOR})
        if "/images" in request.path:
            image = {"id": "img-1", "name": "Debian", "status": "active", **_TIMES}
            return in_json(image if request.path.endswith("img-1") else {"images": [image]})
        return in_json({"servers": []})


_TIMES = dict.fromkeys(("updated_at", "created_at"), "2026-11-01T12:00:00Z")
_FLAVOR = {"id": "1", "name": "m1.tiny", "ram": 512, "disk": 1, "vcpus": 1, "swap": ""}


@pytest.fixture
def nova() -> Iterator[Nova]:
    cloud = Nova()
    with any_host(cloud, trustme.CA()) as port:
        cloud.port = port
        yield cloud


class Api:
    def __init__(self, app: Any) -> None:
        self._app = app

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self._app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as one:
                return await one.request(method, f"/api/v1{path}", json=body, timeout=30)

        answer = asyncio.run(send())
        return answer.status_code, answer.json()


@pytest.fixture
def api(nova: Nova, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    file = tmp_path / "orchestrator.toml"
    file.write_text(
        f"""
default_cloud = "os"
[clouds.os]
driver = "libcloud"
provider = "openstack"
key = "ada-of-physics"
secret = "env:TEST_PASSWORD"
region = "RegionOne"
[clouds.os.arguments]
ex_force_auth_url = "http://127.0.0.1:{nova.port}"
ex_force_auth_version = "3.x_password"
ex_tenant_name = "physics"
ex_domain_name = "Default"
"""
    )
    return Api(create_app(load_settings(file, {})))


REFUSALS: list[tuple[str, int, str, tuple[int, str, str | None]]] = [
    ("forbidden", 403, "Maximum number of ports exceeded", (400, "quota_exceeded", None)),
    (
        "forbidden",
        403,
        "Maximum number of metadata items exceeds 128",
        (400, "invalid_parameter", "metadata"),
    ),
    (
        "forbidden",
        403,
        "Only volume-backed servers are allowed for flavors with zero disk.",
        (400, "invalid_parameter", "size"),
    ),
    (
        "forbidden",
        403,
        "Policy doesn't allow os_compute_api:servers:create to be performed.",
        (502, "credentials_refused", None),
    ),
    (
        "conflictingRequest",
        409,
        "Multiple possible networks found, use a Network ID to be more specific.",
        (400, "invalid_parameter", "networks"),
    ),
    (
        "badRequest",
        400,
        "Invalid input for field/attribute name. Value: n. 'n' is too long",
        (400, "invalid_parameter", "name"),
    ),
    ("computeFault", 500, "Unexpected API Error.", (502, "cloud_error", None)),
]


@pytest.mark.parametrize(("kind", "status", "message", "right"), REFUSALS)
def test_the_clouds_own_words_reach_the_caller_and_the_log(  # noqa: PLR0913, PLR0917 - a table's
    nova: Nova, api: Api, kind: str, status: int, message: str, right: Any
) -> None:
    leak = f" See http://127.0.0.1:{nova.port}/docs?token={PASSWORD} for {PASSWORD}."
    nova.refusal = (status, {kind: {"code": status, "message": message + leak}})
    with structlog.testing.capture_logs() as lines:
        answered, body = api.ask("POST", "/vm/start", START)
    assert (answered, body["error_code"], body.get("field")) == right
    assert f"{message} See [address] for [secret]. ({kind})" in body["message"]
    (line,) = [one for one in lines if one["event"] == "cloud call" and one["outcome"] != "ok"]
    assert line["why"] == body["message"]
    assert line["log_level"] == ("info" if answered == 400 else "warning")
    for told in (json.dumps(body), repr(lines)):
        assert PASSWORD not in told
        assert str(nova.port) not in told


def test_a_list_that_is_refused_for_its_rate_is_asked_for_again(nova: Nova, api: Api) -> None:
    error = {"errors": [{"reason": "rateLimitExceeded", "message": "Rate Limit Exceeded"}]}
    nova.refusal = (403, {"error": {**error, "code": 403, "message": "Rate Limit Exceeded"}})
    assert api.ask("GET", "/nodes")[0] == 200
    assert sum(path.endswith("/servers/detail") for _, path in nova.seen) == 2


def test_a_start_that_is_refused_for_its_rate_is_told_and_not_repeated(
    nova: Nova, api: Api
) -> None:
    words = "Quota exceeded for group"
    error = {"errors": [{"reason": "userRateLimitExceeded", "message": words}]}
    nova.refusal = (403, {"error": error})
    status, body = api.ask("POST", "/vm/start", START)
    assert (status, body["error_code"]) == (429, "rate_limited")
    assert "Quota exceeded for group (userRateLimitExceeded)" in body["message"]
    assert sum(seen == ("POST", "/v2.1/servers") for seen in nova.seen) == 1
