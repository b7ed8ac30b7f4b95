"""Starts on OpenStack through a server, as a user sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openstack_cloud import OpenStack, in_json
from openstack_project import (
    LAB,
    STORAGE,
    VOLUME,
    created,
    serving_nova,
)

from orchestrator_libcloud import LibcloudDriver
from tests.conftest import running
from tests.stateful import Api

Make = Callable[..., LibcloudDriver]


@pytest.fixture
def nova(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStack]:
    monkeypatch.setenv("TEST_PASSWORD", "p")
    with serving_nova() as cloud:
        yield cloud


@pytest.fixture
def api(nova: OpenStack, tmp_path: Path) -> Iterator[Api]:
    toml = f"""default_cloud = "os"
[state]
url = "sqlite:///state.db"
[clouds.os]
driver = "libcloud"
provider = "openstack"
key = "ada"
secret = "env:TEST_PASSWORD"
destroy = "own"
[clouds.os.arguments]
ex_tenant_name = "physics"
ex_force_auth_url = "{nova.url("/v3")}"
"""
    with running(toml, tmp_path, {"TEST_PASSWORD": "p"}) as server:
        server.wait_for_log("durable worker ready")
        one = Api(server)
        with one.http:
            yield one


def test_a_project_with_several_networks_can_be_started_in(api: Api, nova: OpenStack) -> None:
    order = {"name": "web", "image": "debian", "size": "m1.2"}
    refused = api.http.post("/vm/start", json=order)
    assert refused.status_code == 400, refused.text
    message = refused.json()["message"]
    assert "networks: the cloud cannot choose one; name it: Multiple possible networks" in message
    assert not nova.created
    fields = {
        "networks": ["lab", "storage"],
        "firewalls": ["web", "ssh"],
        "keyname": "ann",
        "user_data": "#cloud-config\n",
        "root_disk": {"size": 30, "keep": True},
        "metadata": {"course": "optics"},
    }
    answer = api.http.post("/vm/start", json={**order, **fields})
    assert answer.status_code == 200, answer.text
    server = created(nova)
    assert server["networks"] == [{"uuid": LAB}, {"uuid": STORAGE}]
    assert server["security_groups"] == [{"name": "web"}, {"name": "ssh"}]
    assert server["metadata"].pop("orchestrator-marker")
    assert server["metadata"] == {"course": "optics"}
    assert server["block_device_mapping_v2"][0]["volume_size"] == 30


def test_a_wrong_reference_is_refused_with_the_candidates(api: Api, nova: OpenStack) -> None:
    """Nova alone names no candidates; the list is read only after its refusal."""
    same = "33333333-0000-4000-8000-000000000003, 33333333-0000-4000-8000-000000000004"
    order = {"name": "web", "image": "debian", "size": "m1.2", "networks": [LAB]}
    for fields, why in (
        (
            {"firewalls": ["web", "twice"]},
            f"firewalls: 2 firewalls are named 'twice'; give the id of one: {same}",
        ),
        ({"firewalls": ["nowhere"]}, "firewalls: there is no firewall with the id or name"),
        ({"keyname": "bob"}, "keyname: there is no key pair with the id or name 'bob'"),
        ({"networks": [VOLUME]}, f"networks: there is no network with the id or name '{VOLUME}'"),
    ):
        refused = api.http.post("/vm/start", json={**order, **fields})
        assert refused.status_code == 400, refused.text
        assert why in refused.json()["message"]
    assert not nova.created


def test_the_cloud_is_quoted_if_its_list_cannot_be_read(api: Api, nova: OpenStack) -> None:
    no = in_json({"NeutronError": {"message": "not now", "type": "x"}}, 500)
    nova.before = lambda _, path, __: no if path.endswith("/security-groups") else None
    order = {"name": "web", "image": "debian", "size": "m1.2", "networks": [LAB]}
    refused = api.http.post("/vm/start", json={**order, "firewalls": ["nowhere"]})
    assert refused.status_code == 400, refused.text
    assert "Unable to find security_group with name or id 'nowhere'" in refused.json()["message"]


def test_a_flavor_that_is_too_small_for_its_image(api: Api) -> None:
    order = {"name": "web", "image": "debian", "size": "m1.1", "networks": [LAB]}
    refused = api.http.post("/vm/start", json=order)
    assert "size: not accepted by the cloud: Flavor's disk is smaller" in refused.json()["message"]


def test_a_start_that_fails_later_says_why(api: Api, nova: OpenStack) -> None:
    """Nova accepts a server before Cinder refuses its volume."""

    def fails(method: str, path: str, _: Any) -> None:
        if method == "GET" and path.startswith("/v2.1/servers/"):
            text = "Requested volume exceeds allowed gigabytes quota at http://10.1.2.3:8776/v3"
            fault = {"code": 500, "message": text, "created": "2026-11-01T12:00:00Z"}
            nova.servers[-1] |= {"status": "ERROR", "fault": fault}

    nova.before = fails
    order = {"name": "web", "image": "debian", "size": "m1.2", "networks": [LAB]}
    failed = api.http.post("/vm/start", json={**order, "wait_for": "running"})
    message = failed.json()["message"]
    assert "shows it as error (Requested volume exceeds allowed gigabytes quota at [" in message
    assert "10.1.2.3" not in message
