"""Providers that refuse or lack a part of a list, over HTTP with a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import refused_parts
import trustme
from any_host import any_host
from refused_parts import Azure, Google

from tests.conftest import running
from tests.stateful import Api

_CLOUD = """
[clouds.{name}]
driver = "libcloud"
provider = "{provider}"
key = "k"
secret = "env:TEST_SECRET"
assignment = "given"
destroy = "all"
retries = 0
release_wait = 10
proxy = "http://127.0.0.1:{port}"
ca_file = "{folder}/ca.pem"
[clouds.{name}.arguments]
{arguments}
"""


@dataclass
class Clouds:
    """A server in front of two providers, which the tests change."""

    api: Api
    google: Google = field(default_factory=Google)
    azure: Azure = field(default_factory=Azure)


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Clouds]:
    folder = tmp_path_factory.mktemp("whole-lists")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    token = {"access_token": "t", "expire_time": "2099-01-01T00:00:00Z"}
    (folder / "token").write_text(json.dumps(token))
    google, azure = Google(), Azure()
    arguments = {
        "gce": f'project = "p"\nauth_type = "IA"\ncredential_file = "{folder}/token"',
        "azure_arm": 'tenant_id = "t"\nsubscription_id = "s"',
    }
    lines = [
        'default_cloud = "google"\n[state]\nurl = "sqlite:///state.db"\nretry_delay = 0.2',
        '[assignments.given]\nbackend = "given"',
    ]
    with ExitStack() as stack:
        for name, provider, cloud in (("google", "gce", google), ("azure", "azure_arm", azure)):
            port = stack.enter_context(any_host(cloud, authority))
            parts = {"name": name, "provider": provider, "port": port, "folder": folder}
            lines.append(_CLOUD.format(**parts, arguments=arguments[provider]))
        server = stack.enter_context(running("\n".join(lines), folder, {"TEST_SECRET": "s3cret"}))
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            yield Clouds(api, google, azure)


def test_a_release_destroys_an_instance_whose_boot_disk_is_not_listed(clouds: Clouds) -> None:
    assert clouds.api.assign("2").status_code == 200
    clouds.google.disks = {
        "zones/europe-west1-b": {"disks": [refused_parts.disk(1, zone=refused_parts.ZONE)]}
    }
    answer = clouds.api.release("2")
    assert (answer.status_code, answer.json()["deletion"]) == (200, "done")
    deleted = [path for method, path in clouds.google.seen if method == "DELETE"]
    assert [path.rpartition("/")[2] for path in deleted] == ["vm-2"]
    assert clouds.api.nodes() == ["1"]


def test_a_refused_part_of_a_list_is_the_answer_to_the_caller(clouds: Clouds) -> None:
    assert len(clouds.api.get("/nodes/azure")["nodes"]) == 2
    down = refused_parts.azure_error("ServerUnavailable", 503)
    clouds.azure.refuse = lambda r: down if r.path.endswith("/vm2/InstanceView") else None
    assert clouds.api.http.get("/nodes/azure").status_code == 502
    # Last, since the core waits as long as a rate-limited cloud says.
    limited = refused_parts.azure_error("TooManyRequests", 429, ("Retry-After", "7"))
    clouds.azure.refuse = lambda r: limited if r.path.endswith("/nic2") else None
    answer = clouds.api.http.get("/nodes/azure")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
