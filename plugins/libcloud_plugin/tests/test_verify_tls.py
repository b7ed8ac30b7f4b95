"""Verification of a cloud's certificate, for every transport and setting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from any_host import Reply, Request, any_host
from marshmallow import ValidationError

from orchestrator_core import CloudUnreachable, Deadline
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.settings import LibcloudSettings

Make = Callable[..., LibcloudDriver]

CLOUDS: dict[str, dict[str, Any]] = {
    "cloudscale": {},
    "kubevirt": {"host": "k.example.org", "arguments": {"ex_token_bearer_auth": True}},
    # not through Libcloud's transport
    "outscale": {"secret": "env:TEST_SECRET", "region": "eu-west-2"},
    "openstack": {
        "secret": "env:TEST_SECRET",
        "arguments": {
            "ex_force_auth_url": "https://k.example.org",
            "ex_force_auth_version": "3.x_password",
            "ex_tenant_name": "t",
        },
    },
}


@pytest.fixture
def seen() -> list[Request]:
    return []


@pytest.fixture
def proxy(seen: list[Request], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Lead every driver to a server whose certificate is not trusted."""
    monkeypatch.setenv("TEST_SECRET", "s3cret")

    def answer(request: Request) -> Reply:
        seen.append(request)
        body = json.dumps({"items": [], "Vms": []} if request.path != "/v1/servers" else [])
        return Reply(body.encode(), 200, (("Content-Type", "application/json"),))

    with any_host(answer, trustme.CA()) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.filterwarnings("ignore:Kubernetes has its own CA")
@pytest.mark.parametrize("provider", CLOUDS)
def test_an_untrusted_cloud_is_sent_nothing(
    make: Make, deadline: Deadline, proxy: str, seen: list[Request], provider: str
) -> None:
    driver = make(provider=provider, key="k", proxy=proxy, **CLOUDS[provider])
    with pytest.raises(CloudUnreachable, match="is its certificate trusted"):
        driver.list_nodes(deadline=deadline)
    assert seen == []


@pytest.mark.filterwarnings("ignore:Kubernetes has its own CA")
@pytest.mark.parametrize("provider", [name for name in CLOUDS if name != "openstack"])
def test_unless_the_settings_say_so(
    make: Make,
    proxy: str,
    seen: list[Request],
    caplog: pytest.LogCaptureFixture,
    provider: str,
) -> None:
    deadline = Deadline(30)
    driver = make(provider=provider, key="k", proxy=proxy, verify_tls=False, **CLOUDS[provider])
    assert driver.list_nodes(deadline=deadline) == []
    driver.list_nodes(deadline=deadline)
    assert len(seen) >= 2
    lines = [r.getMessage() for r in caplog.records if "verify_tls" in r.getMessage()]
    assert lines == [
        "Cloud aws: verify_tls is false, so its credentials go to any server at its address"
    ]


def wrong(**settings: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        LibcloudSettings().load(settings)
    messages = caught.value.messages
    assert isinstance(messages, dict)
    return messages


def test_settings_that_do_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    ca_file = str(tmp_path / "ca.pem")
    local = {"provider": "libvirt", "key": "qemu:///system"}
    assert "pkipath" in wrong(**local, ca_file=ca_file)["ca_file"][0]
    assert "no_verify=1" in wrong(**local, verify_tls=False)["verify_tls"][0]
    assert "proxy" in wrong(**local, proxy="http://h:1")
    LibcloudSettings().load({**local, "delete_volumes": True, "verify_tls": True})
    other = {"provider": "cloudscale", "key": "k"}
    assert "only libvirt" in wrong(**other, delete_volumes=True)["delete_volumes"][0]
    assert "no effect" in wrong(**other, ca_file=ca_file, verify_tls=False)["ca_file"][0]
