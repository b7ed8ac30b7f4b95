"""A start at Azure through the API of a server, with defaults from the settings."""

from __future__ import annotations

from pathlib import Path

import trustme
from any_host import any_host
from azure_subscription import IMAGE, SIZE, SUBNET, VM, Subscription
from start_cases import Sent

from tests.conftest import running
from tests.stateful import Api

_SETTINGS = """
default_cloud = "azure"
[state]
url = "sqlite:///state.db"
retry_delay = 0.2
[assignments.given]
backend = "given"
[clouds.azure]
driver = "libcloud"
provider = "azure_arm"
key = "k"
secret = "env:TEST_SECRET"
region = "westeurope"
assignment = "given"
proxy = "http://127.0.0.1:{port}"
ca_file = "{folder}/ca.pem"
[clouds.azure.arguments]
tenant_id = "t"
subscription_id = "s"
[clouds.azure.start]
networks = ["lab/front"]
tags = {{ team = "physics" }}
[clouds.azure.start.options]
ex_resource_group = "g"
"""


def test_a_generated_password_is_shown_once_and_kept_nowhere(
    tmp_path: Path, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    sent = Sent(Subscription())
    with any_host(sent, authority) as port:
        settings = _SETTINGS.format(port=port, folder=tmp_path)
        with running(settings, tmp_path, {"TEST_SECRET": "s3cret"}) as server:
            server.wait_for_log("durable worker ready")
            api = Api(server)
            with api.http:
                body = {"name": "web", "image": IMAGE, "size": SIZE, "tags": {"course": "optics"}}
                headers = {"Idempotency-Key": "one"}
                first = api.http.post("/vm/start", json=body, headers=headers)
                again = api.http.post("/vm/start", json=body, headers=headers)
                nodes = api.get("/nodes/azure")["nodes"]
                taken = api.get("/cloud/azure")["cloud"]["start_fields"]
            log = server.log()
    assert first.status_code == 200, first.text
    made = sent.body_of("PUT", VM)
    password = made["properties"]["osProfile"]["adminPassword"]
    assert first.json()["nodes"]["extra"]["password"] == password
    # A repeat with the same key shows that there was a password, but not which.
    assert again.status_code == 200
    assert password not in again.text
    assert password not in str(nodes)
    assert password not in log
    assert all(password.encode() not in file.read_bytes() for file in tmp_path.glob("state.db*"))
    (interface,) = made["properties"]["networkProfile"]["networkInterfaceConfigurations"]
    (address,) = interface["properties"]["ipConfigurations"]
    assert address["properties"]["subnet"] == {"id": SUBNET}
    assert made["tags"].items() >= {"team": "physics", "course": "optics"}.items()
    assert taken["keyname"]["supported"] is False
    assert taken["networks"]["supported"] is True


def test_a_start_without_a_resource_group_creates_nothing(
    tmp_path: Path, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    sent = Sent(Subscription())
    with any_host(sent, authority) as port:
        settings = _SETTINGS.format(port=port, folder=tmp_path).partition(
            "[clouds.azure.start.options]"
        )[0]
        with running(settings, tmp_path, {"TEST_SECRET": "s3cret"}) as server:
            api = Api(server)
            with api.http:
                body = {"name": "web", "image": IMAGE, "size": SIZE}
                answer = api.http.post("/vm/start", json=body)
    assert answer.status_code == 400
    assert "options" in answer.text
    assert "[clouds.azure.start]" in answer.text
    changes = {one.path for one in sent.requests if one.method != "GET"}
    assert changes <= {"/t/oauth2/token"}  # a login, if the server was quick to connect
