"""Every example of the API document, in its order: same status, same JSON."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests import loopback

WRONG_CLOUD = {
    "message": "Cloud not valid or wrong path",
    "status": "error",
    "status_code": 500,
    "status_long_message": "Server got itself in trouble",
    "status_short_message": "Internal Server Error",
}
EMULATED = {"id": 42, "id_vm": "-fake_id-", "result": "Node -fake_id- assigned", "status": "ok"}


def node(number: int, address: str, uuid: str) -> dict[str, Any]:
    return {
        "cloud_type": "Dummy Node Provider",
        "extra": {"foo": "bar"},
        "id": str(number),
        "name": f"dummy-{number}",
        "private_ips": [],
        "provider": "dummy",
        "public_ips": [address],
        "state": 0,
        "uuid": uuid,
    }


def image(number: int, name: str) -> dict[str, Any]:
    return {
        "cloud_type": "Dummy Node Provider",
        "id": str(number),
        "name": name,
        "provider": "dummy",
    }


def size(number: int, name: str, ram: int, disk: int) -> dict[str, Any]:
    return {**image(number, name), "cpu": 0, "disk": disk, "ram": ram}


NODES = {
    "nodes": [
        node(1, "127.0.0.1", "2c183c20f71eb5732512d6cfe1f75ebc9d9bb4dd"),
        node(2, "127.0.0.1", "46ff62f5eafc7837de6ec1450b8e0e608db06d7a"),
    ],
    "status": "ok",
}
IMAGES = {
    "images": [image(1, "Ubuntu 9.10"), image(2, "Ubuntu 9.04"), image(3, "Slackware 4")],
    "status": "ok",
}
FLAVORS = {
    "flavors": [
        size(1, "Small", 128, 4),
        size(2, "Medium", 512, 16),
        size(3, "Big", 4096, 32),
        size(4, "XXL Big", 8192, 128),
    ],
    "status": "ok",
}
START = {"name": "cloud_test", "image": "1", "size": "1"}
STARTED_3 = {
    "nodes": node(3, "127.0.0.3", "aef321fde331680846014b121ff377dcb8477731"),
    "status": "ok",
}
STARTED_4 = {
    "nodes": node(4, "127.0.0.4", "f0f0f81f0a63ccd2c5e0c5244beebeafd0f2429c"),
    "status": "ok",
}
ASSIGN = {"emulate": "True", "node": "fake_id", "user": "fake_user", "vm_type": "app_name"}
RELEASE = {"emulate": "True", "node": "fake_id"}

Example = tuple[str, str, dict[str, str] | None, int, dict[str, Any]]

EXAMPLES: list[Example] = [
    ("GET", "/nodes/fake_driver", None, 200, NODES),
    ("GET", "/nodes/wrong_driver", None, 500, WRONG_CLOUD),
    ("GET", "/images/fake_driver", None, 200, IMAGES),
    ("GET", "/images/wrong_driver", None, 500, WRONG_CLOUD),
    ("GET", "/sizes/fake_driver", None, 200, FLAVORS),
    ("GET", "/sizes/wrong_driver", None, 500, WRONG_CLOUD),
    ("POST", "/vm/start/fake_driver", START, 200, STARTED_3),
    ("POST", "/vm/start/fake_driver", START, 200, STARTED_4),
    (
        "PUT",
        "/vm/stop/fake_driver",
        {"node": "3"},
        200,
        {
            "result": "Node 3 deleted",
            "status": "ok",
        },
    ),
    (
        "PUT",
        "/vm/stop/fake_driver",
        {"node": "4"},
        200,
        {
            "result": "Node 4 deleted",
            "status": "ok",
        },
    ),
    ("PUT", "/vm/action/assign/fake_driver", ASSIGN, 200, EMULATED),
    ("PUT", "/vm/action/release/fake_driver", RELEASE, 200, EMULATED),
]


@pytest.mark.parametrize("workers", [1, 4])
def test_every_example_of_the_document(serve: Any, workers: int) -> None:
    server = serve(workers=workers)
    # Each request has a connection of its own, so that several of the four workers answer.
    for method, path, body, status, expected in EXAMPLES:
        response = loopback.request(method, f"{server.url}/api/v1{path}", json=body)
        assert (response.status_code, response.json()) == (status, expected), path
        assert response.headers["Content-Type"] == "application/json"


def test_the_default_cloud_serves_requests_that_name_none(client: httpx2.Client) -> None:
    for path, expected in (("/nodes", NODES), ("/nodes/default", NODES), ("/images", IMAGES)):
        assert client.get(path).json() == expected
    assert client.get("/flavors").json() == client.get("/sizes/").json() == FLAVORS
    assert client.post("/vm/start", json=START).json() == STARTED_3
    assert client.put("/vm/stop/default", json={"hostname": "dummy-3"}).json() == {
        "result": "Node 3 deleted",
        "status": "ok",
    }


def test_all_workers_see_the_same_cloud(serve: Any) -> None:
    url = f"{serve(workers=4).url}/api/v1"
    started = [loopback.post(f"{url}/vm/start", json=START).json()["nodes"]["id"] for _ in range(8)]
    assert started == [str(number) for number in range(3, 11)]
    for _ in range(8):
        assert len(loopback.get(f"{url}/nodes").json()["nodes"]) == 10


def test_a_new_server_starts_afresh(serve: Any) -> None:
    for _ in range(2):
        server = serve()
        response = loopback.post(f"{server.url}/api/v1/vm/start", json=START)
        assert response.json() == STARTED_3
        server.stop()
