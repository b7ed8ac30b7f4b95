"""Resizes, renames and images on a server without a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DUMMY, running
from tests.v2.conftest import Client

NODES = "/clouds/fake_driver/nodes"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("actions")
    with running(DUMMY, folder) as server:
        one = Client(server)
        yield one
        one.http.close()


def test_a_resize_by_id_and_by_name(client: Client) -> None:
    for size, shown in (("3", "3"), ("Medium", "2")):
        answer = client.post(f"{NODES}/1/actions/resize", {"size": size})
        done = {"node": {"id": "1", "cloud": "fake_driver"}, "pending": False}
        assert (answer.status_code, answer.json()) == (200, done)
        assert client.get(f"{NODES}/1").json()["extra"] == {"foo": "bar", "size": shown}


def test_a_rename(client: Client) -> None:
    answer = client.post(f"{NODES}/2/actions/rename", {"name": "web"})
    assert answer.json()["node"] == {"id": "2", "cloud": "fake_driver"}
    assert client.get(f"{NODES}/2").json()["name"] == "web"


def test_an_image_of_which_a_vm_is_started(client: Client) -> None:
    answer = client.post(f"{NODES}/1/actions/create_image", {"name": "golden"}).json()
    images = client.get("/clouds/fake_driver/images").json()["images"]
    listed = {(one["id"], one["name"], one["cloud"]) for one in images}
    image = answer["image"]
    assert (image["id"], image["name"], image["cloud"]) in listed
    assert (answer["node"]["id"], image["name"]) == ("1", "golden")
    start = {"name": "x", "image": "golden", "size": "1"}
    assert client.post(NODES, start).status_code == 201


@pytest.mark.parametrize(
    ("action", "more"),
    [("resize", {"size": "1"}), ("rename", {"name": "n"}), ("create_image", {"name": "n"})],
)
def test_what_is_refused(client: Client, action: str, more: dict[str, Any]) -> None:
    for node, body, status, code in (
        ("1", {}, 422, "invalid_parameter"),
        ("1", {**more, "node": "1"}, 422, "invalid_parameter"),
        ("1", {**more, "user": "x"}, 422, "invalid_parameter"),
        ("1", dict.fromkeys(more, 7), 422, "invalid_parameter"),
        ("1", dict.fromkeys(more, ""), 422, "invalid_parameter"),
        ("1", dict.fromkeys(more, "x" * 1025), 422, "invalid_parameter"),
        ("99", more, 404, "node_not_found"),
    ):
        answer = client.post(f"{NODES}/{node}/actions/{action}", body)
        assert (answer.status_code, answer.json()["error_code"]) == (status, code), body


def test_a_report_lists_them(client: Client) -> None:
    operations = client.get("/clouds/fake_driver").json()["operations"]
    for hook in ("resize_vm", "rename_vm", "create_image", "get_console_output"):
        assert operations[hook] == {"supported": True, "reason": None}
    assert not operations["confirm_resize"]["supported"]
