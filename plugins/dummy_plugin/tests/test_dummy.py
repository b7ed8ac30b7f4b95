"""The dummy cloud: its nodes, its starts, and numbers that are never reused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError

from orchestrator_core import (
    Image,
    InvalidParameter,
    NodeNotFound,
    NodeState,
    PluginContext,
    RootDisk,
    Size,
    Spot,
    StartField,
    StartRequest,
    Volume,
)
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.driver import DummySettings
from orchestrator_dummy.file import connect

REQUEST = StartRequest("ignored", Image("1", "i"), Size("1", "s"))


def driver(directory: Path, store: str = "memory") -> DummyDriver:
    return DummyDriver(PluginContext("cloud", directory), DummySettings().load({"store": store}))


def ids(cloud: DummyDriver) -> list[str]:
    return [node.id for node in cloud.list_nodes()]


def test_it_begins_with_two_nodes_and_counts_on(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    assert [(n.name, n.public_ips) for n in cloud.list_nodes()] == [
        ("dummy-1", ["127.0.0.1"]),
        ("dummy-2", ["127.0.0.1"]),
    ]
    started = [cloud.start_vm(REQUEST) for _ in range(260)]
    assert (started[0].name, started[0].public_ips) == ("dummy-3", ["127.0.0.3"])
    by_number = {int(node.id): node.public_ips for node in started}
    assert by_number[255] == ["127.0.0.255"]
    assert by_number[256] == ["127.0.1.0"]
    assert by_number[257] == ["127.0.1.1"]


def test_no_number_comes_twice(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    for number in range(3, 13):
        node = cloud.start_vm(REQUEST)
        assert node.id == str(number)
        cloud.stop_vm(node.id)
    assert ids(cloud) == ["1", "2"]


@pytest.mark.parametrize(
    "node_id",
    [
        "3",
        "0",
        "01",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "-1",
        "1.0",
        "1_0",
        "1e3",
        "",
        "x",
        "9" * 40,
        "\u0661",
    ],
)
def test_what_is_no_node(tmp_path: Path, node_id: str) -> None:
    cloud = driver(tmp_path)
    for act in (cloud.get_node, cloud.stop_vm, cloud.reboot_vm, cloud.power_off_vm):
        with pytest.raises(NodeNotFound):
            act(node_id)
    assert ids(cloud) == ["1", "2"]


def test_power(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    cloud.power_off_vm("1")
    assert cloud.get_node("1").state is NodeState.STOPPED
    cloud.power_on_vm("1")
    assert cloud.get_node("1").state is NodeState.RUNNING


def test_a_resize_and_a_rename_show_in_the_node(tmp_path: Path) -> None:
    file = f"file:{tmp_path / 'cloud.db'}"
    cloud = driver(tmp_path, file)
    cloud.resize_vm("1", Size("3", "Big"))
    cloud.rename_vm("1", "web")
    for shown in (cloud.get_node("1"), driver(tmp_path, file).list_nodes()[0]):
        assert (shown.name, shown.extra) == ("web", {"foo": "bar", "size": "3"})
    assert cloud.get_node("2").name == "dummy-2"
    assert "web login:" in cloud.get_console_output("1")
    cloud.power_off_vm("1")
    assert "login" not in cloud.get_console_output("1")


def test_images_of_nodes_are_listed_by_all_and_never_come_twice(tmp_path: Path) -> None:
    file = f"file:{tmp_path / 'cloud.db'}"
    cloud, other = driver(tmp_path, file), driver(tmp_path, file)
    assert len(other.list_images()) == 3
    made = [cloud.create_image("1", name) for name in ("golden", "golden")]
    assert [image.id for image in made] == ["4", "5"]
    assert other.list_images()[3:] == made


def test_a_file_of_an_older_version_takes_them_too(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute(
            "CREATE TABLE nodes (number INTEGER PRIMARY KEY AUTOINCREMENT, "
            "state TEXT NOT NULL DEFAULT 'running', marker TEXT UNIQUE)"
        )
        old.execute("INSERT INTO nodes DEFAULT VALUES")
        old.commit()
    cloud = driver(tmp_path, f"file:{path}")
    cloud.rename_vm("1", "web")
    assert cloud.create_image("1", "golden") in cloud.list_images()
    assert cloud.get_node("1").name == "web"


def test_a_node_is_found_by_its_marker_which_does_not_show(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    marked = StartRequest("x", Image("1", "i"), Size("1", "s"), marker="mark-7")
    node = cloud.start_vm(marked)
    unmarked = cloud.start_vm(REQUEST)
    assert cloud.find_node("mark-7") == node
    assert node.marker == cloud.get_node(node.id).marker == "mark-7"
    assert [shown.marker for shown in cloud.list_nodes()] == [None, None, "mark-7", None]
    for shown in (node, cloud.get_node(node.id), *cloud.list_nodes()):
        assert "mark-7" not in repr(shown)
        assert shown.extra == {"foo": "bar"}
    for other in ("", "None", "mark", "mark-70", unmarked.id):
        with pytest.raises(NodeNotFound):
            cloud.find_node(other)
    cloud.stop_vm(node.id)
    with pytest.raises(NodeNotFound):
        cloud.find_node("mark-7")


def test_a_start_shows_what_it_was_given_without_secrets(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    node = cloud.start_vm(
        StartRequest(
            "x",
            Image("1", "i"),
            Size("1", "s"),
            keyname="laptop",
            user_data="password: é",
            networks=["net-1"],
            public_ip=False,
            root_disk=RootDisk(size=30),
            volumes=[Volume(id="vol-1")],
            tags={"team": "red"},
            spot=Spot(),
            metadata={"password": "hunter2"},
            options={"token": ["hunter2"]},
        )
    )
    assert node.extra == {
        "foo": "bar",
        "start": {
            "keyname": "laptop",
            "user_data": {"bytes": 12},
            "networks": ["net-1"],
            "public_ip": False,
            "root_disk": {"size": 30, "type": None, "keep": False},
            "volumes": [{"id": "vol-1", "size": None, "type": None, "keep": False}],
            "tags": {"team": "red"},
            "spot": {"max_price": None},
            "metadata": {"password": None},
            "options": {"token": None},
        },
    }
    assert cloud.get_node(node.id).extra == node.extra
    stored = json.loads(cloud.store.given(node.id) or "")
    assert (stored["user_data"], stored["options"]) == ("password: é", {"token": ["hunter2"]})
    plain = cloud.start_vm(REQUEST)
    assert (plain.extra, cloud.store.given(plain.id)) == ({"foo": "bar"}, None)


def test_a_volume_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    with pytest.raises(InvalidParameter, match="there is no volume 'vol-9'; there are vol-1"):
        cloud.start_vm(
            StartRequest("x", Image("1", "i"), Size("1", "s"), volumes=[Volume(id="vol-9")])
        )
    assert ids(cloud) == ["1", "2"]


def test_a_file_of_a_version_without_start_fields_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db"
    with closing(connect(path)) as old:
        old.execute(
            "CREATE TABLE nodes (number INTEGER PRIMARY KEY AUTOINCREMENT, "
            "state TEXT NOT NULL DEFAULT 'running', marker TEXT UNIQUE, visible_at REAL, "
            "gone_at REAL)"
        )
        old.execute("INSERT INTO nodes (marker) VALUES ('kept')")
    cloud = driver(tmp_path, f"file:{path}")
    assert cloud.find_node("kept").extra == {"foo": "bar"}
    node = cloud.start_vm(replace(REQUEST, tags={"a": "b"}))
    assert node.extra["start"] == {"tags": {"a": "b"}}


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"spot": 7}, "must be a text with the reason of a refusal, or a table of limits"),
        ({"spot": " "}, "must be a text with the reason of a refusal, or a table of limits"),
        ({"bread": "x"}, "is no field of a start; there are keyname, ssh_keys"),
        ({"networks": {"limit": -1}}, "greater than or equal to 0"),
        ({"networks": {"most": 1}}, "Unknown field"),
        ({"keyname": {"excludes": ["keys"]}}, "must be one of: keyname, ssh_keys"),
        ("spot", "must be a table"),
    ],
)
def test_wrong_rules_of_start_fields_are_refused(rule: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DummySettings().load({"start_fields": rule})
    assert reason in str(refused.value.messages).replace("Must", "must")


def test_the_settings_say_how_a_field_is_taken(tmp_path: Path) -> None:
    rules = {"spot": "none here", "networks": {"limit": 1}, "keyname": {"excludes": ["ssh_keys"]}}
    settings = DummySettings().load({"start_fields": rules})
    taken = DummyDriver(PluginContext("cloud", tmp_path), settings).start_fields()
    assert taken["spot"] == "none here"
    assert taken["networks"] == StartField(limit=1)
    assert taken["keyname"] == StartField(given_as="name", excludes=("ssh_keys",))
    assert taken["tags"] == StartField()
