"""Resizes, renames and images on a server without a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import DUMMY, running


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder: Path = tmp_path_factory.mktemp("actions")
    with running(DUMMY, folder) as server, loopback.client(f"{server.url}/api/v1") as http:
        yield http


def test_a_resize_by_id_and_by_name(client: httpx2.Client) -> None:
    for size, shown in (("3", "3"), ("Medium", "2")):
        answer = client.put("/vm/action/resize", json={"node": "1", "size": size})
        assert answer.json() == {"status": "ok", "result": "Node 1 resized"}
        node = client.get("/nodes/fake_driver/1").json()["nodes"]
        assert node["extra"] == {"foo": "bar", "size": shown}


def test_a_rename(client: httpx2.Client) -> None:
    body = {"hostname": "dummy-2", "name": "web"}
    answer = client.put("/vm/action/rename/fake_driver", json=body)
    assert answer.json() == {"status": "ok", "result": "Node 2 renamed"}
    assert client.get("/nodes/fake_driver/2").json()["nodes"]["name"] == "web"


def test_an_image_of_which_a_vm_is_started(client: httpx2.Client) -> None:
    body = {"node": "1", "name": "golden"}
    answer = client.put("/vm/action/create_image", json=body).json()
    assert answer["image"] in client.get("/images").json()["images"]
    assert (answer["status"], answer["image"]["name"]) == ("ok", "golden")
    start = {"name": "x", "image": "golden", "size": "1"}
    assert client.post("/vm/start", json=start).status_code == 200


@pytest.mark.parametrize(("action", "more"), [("resize", {"size": "1"}), ("rename", {"name": "n"})])
def test_what_is_refused(client: httpx2.Client, action: str, more: dict[str, Any]) -> None:
    for body, code in (
        ({"node": "1"}, "invalid_parameter"),
        (more, "invalid_parameter"),
        ({"node": "1", **more, "user": "x"}, "invalid_parameter"),
        ({"node": "1", **dict.fromkeys(more, 7)}, "invalid_parameter"),
        ({"node": "1", **dict.fromkeys(more, "")}, "invalid_parameter"),
        ({"node": "1", **dict.fromkeys(more, "x" * 1025)}, "invalid_parameter"),
        ({"node": "99", **more}, "node_not_found"),
    ):
        answer = client.put(f"/vm/action/{action}", json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, code), body


def test_a_report_lists_them(client: httpx2.Client) -> None:
    operations = client.get("/cloud/fake_driver").json()["cloud"]["operations"]
    for hook in ("resize_vm", "rename_vm", "create_image", "get_console_output"):
        assert operations[hook] == {"supported": True, "reason": None}
    assert not operations["confirm_resize"]["supported"]
