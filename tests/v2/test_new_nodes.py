"""VMs that their cloud does not show yet, and VMs that it still shows after their deletion."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Server, running
from tests.v2.conftest import Client

LATE = {"X_Cloud_Hints": "visible_after=3600"}
START = {"name": "x", "image": "2", "size": "3", "tags": {"env": "prod"}}
PATIENCE = 20.0
CLOUDS = """
default_cloud = "late"
[clouds.late]
driver = "dummy"
hints = true
[clouds.soon]
driver = "dummy"
hints = true
visibility_timeout = 0.5
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("new")
    state = f'[state]\nurl = "sqlite:///{folder}/orchestrator.db"\n'
    with running(CLOUDS + state, folder) as one:
        yield one


def start(client: Client, cloud: str) -> str:
    answer = client.post(f"/clouds/{cloud}/nodes", START, **LATE)
    assert answer.status_code == 201, answer.text
    node_id: str = answer.json()["node"]["id"]
    return node_id


def listed(client: Client, path: str, node_id: str) -> dict[str, Any] | None:
    nodes = client.get(path).json()["nodes"]
    return next((node for node in nodes if node["id"] == node_id), None)


def version_1(client: Client, cloud: str, node_id: str) -> Any:
    return client.http.get(str(client.http.base_url.join(f"../v1/nodes/{cloud}/{node_id}")))


def test_a_started_vm_is_pending_until_its_cloud_shows_it(client: Client) -> None:
    node_id = start(client, "late")
    began = time.monotonic()
    shown = client.get(f"/clouds/late/nodes/{node_id}")
    assert shown.status_code == 200, shown.text
    assert time.monotonic() - began < PATIENCE / 2
    node = shown.json()
    facts = {name: node[name] for name in ("state", "image", "size", "tags", "holder")}
    assert facts == {
        "state": "pending",
        "image": "2",
        "size": "3",
        "tags": {"env": "prod"},
        "holder": None,
    }
    assert node["created_at"].endswith("+00:00")
    answer = version_1(client, "late", node_id)
    assert (answer.status_code, answer.json()["nodes"]["state"]) == (200, 3)
    for path in ("/clouds/late/nodes", "/nodes", "/nodes?state=pending&label_selector=env=prod"):
        assert listed(client, path, node_id) == node
    assert listed(client, "/clouds/late/nodes?state=running", node_id) is None


def test_another_new_vm_changes_the_list(client: Client) -> None:
    node_id = start(client, "late")
    etag = client.get("/clouds/late/nodes").headers["etag"]
    again = client.http.get("/clouds/late/nodes", headers={"If-None-Match": etag})
    assert again.status_code == 304
    start(client, "late")
    changed = client.http.get("/clouds/late/nodes", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert node_id in [node["id"] for node in changed.json()["nodes"]]


def test_a_vm_is_terminating_while_its_cloud_still_shows_it_running(client: Client) -> None:
    assert client.delete("/clouds/late/nodes/1", **LATE).status_code == 200
    shown = client.get("/clouds/late/nodes/1")
    assert (shown.status_code, shown.json()["state"]) == (200, "terminating")
    found = listed(client, "/clouds/late/nodes", "1")
    assert found is not None
    assert found["state"] == "terminating"
    answer = version_1(client, "late", "1")
    assert (answer.status_code, answer.json()["nodes"]["state"]) == (200, 3)


def test_it_is_pending_no_longer_than_its_cloud_may_hide_it(client: Client) -> None:
    node_id = start(client, "soon")
    ends_at = time.monotonic() + PATIENCE
    while listed(client, "/clouds/soon/nodes", node_id) is not None:
        assert time.monotonic() < ends_at
        time.sleep(0.1)
    shown = client.get(f"/clouds/soon/nodes/{node_id}")
    assert (shown.status_code, shown.json()["error_code"]) == (404, "node_not_found")


def test_without_a_database_a_vm_is_shown_as_its_cloud_shows_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(CLOUDS, tmp_path_factory.mktemp("direct")) as one:
        client = Client(one)
        node_id = start(client, "late")
        assert client.get(f"/clouds/late/nodes/{node_id}").status_code == 404
        assert listed(client, "/clouds/late/nodes", node_id) is None
        client.http.close()
