"""The dummy cloud: one store for all processes, and numbers that are never reused."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
from orchestrator_dummy.connections import MOST_IDLE
from orchestrator_dummy.driver import DummySettings
from orchestrator_dummy.file import connect
from orchestrator_dummy.store import Store

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


def test_a_new_server_starts_afresh_unless_the_store_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    file = f"file:{tmp_path / 'kept' / 'cloud.db'}"
    for store, expected in (("memory", ["1", "2"]), (file, ["1", "2", "3"])):
        driver(tmp_path / "one", store).start_vm(REQUEST)
        assert ids(driver(tmp_path / "two", store)) == expected


def test_numbers_and_markers_survive_a_restart_in_a_file(tmp_path: Path) -> None:
    file = f"file:{tmp_path / 'cloud.db'}"
    before = driver(tmp_path, file)
    marked = before.start_vm(StartRequest("x", Image("1", "i"), Size("1", "s"), marker="kept"))
    before.power_off_vm("2")
    before.stop_vm(before.start_vm(REQUEST).id)
    after = driver(tmp_path, file)
    assert after.find_node("kept") == marked
    assert after.get_node("2").state is NodeState.STOPPED
    assert after.start_vm(REQUEST).id == "5"  # 4 existed and is destroyed.


def test_each_cloud_has_nodes_of_its_own(tmp_path: Path) -> None:
    clouds = [
        DummyDriver(PluginContext(n, tmp_path), DummySettings().load({"store": "memory"}))
        for n in ("a", "b")
    ]
    clouds[0].stop_vm("1")
    assert [ids(cloud) for cloud in clouds] == [["2"], ["1", "2"]]


def test_who_loses_the_race_to_make_the_store_uses_the_winner_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cloud.db"
    Store(path, durable=False, first=2).add(None)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", lambda _: False)  # the state of a moment ago
        late = Store(path, durable=False, first=2)
    assert [number for number, *_ in late.rows()] == [1, 2, 3]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_nothing_is_read_again_while_no_process_writes(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "cloud.db", durable=False, first=2) for _ in range(2)]
    stores[0].add(None)
    for store in stores:
        assert store.rows() is store.rows()


ACTS = st.lists(
    st.tuples(
        st.integers(0, 2),  # one of three stores
        st.sampled_from(["add", "remove", "stopped", "running", "look"]),
        st.integers(1, 6),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(ACTS)
def test_every_store_shows_what_any_of_them_did_last(acts: list[tuple[int, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "cloud.db"
        stores = [Store(path, durable=False, first=2) for _ in range(3)]
        expected = {1: "running", 2: "running"}
        last = 2
        for which, act, number in acts:
            store = stores[which]
            if act == "add":
                last += 1
                assert store.add(None)[:2] == (last, "running")
                expected[last] = "running"
            elif act == "remove":
                assert store.remove(str(number)) == (expected.pop(number, None) is not None)
            elif act != "look":
                assert store.set_state(str(number), act) == (number in expected)
                expected.update({number: act} if number in expected else {})
            # An object that has not read for a while must see all changes too.
            seen = [(number, state) for number, state, *_ in stores[number % 3].rows()]
            assert seen == list(expected.items())


START_AND_LOOK = """
import sys
from pathlib import Path
from orchestrator_core import Image, PluginContext, Size, StartRequest
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.connections import MOST_IDLE
from orchestrator_dummy.driver import DummySettings

settings = DummySettings().load({"store": sys.argv[2]})
cloud = DummyDriver(PluginContext("cloud", Path(sys.argv[1])), settings)
for _ in range(20):
    node = cloud.start_vm(StartRequest("x", Image("1", "i"), Size("1", "s")))
    assert node.id in [other.id for other in cloud.list_nodes()]  # whichever process wrote
    print(node.id, flush=True)
"""

DIE_AT_THE_ANNOUNCEMENT = """
import os
import signal
import sys
from pathlib import Path
from orchestrator_dummy.generation import Generation
from orchestrator_dummy.store import Store

announce = Generation.write

def die(self, number):
    if sys.argv[2] == "after":
        announce(self, number)
    os.kill(os.getpid(), signal.SIGKILL)

Generation.write = die
Store(Path(sys.argv[1]), durable=True, first=2).add(None)
"""

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from orchestrator_dummy.store import Store

store = Store(Path(sys.argv[1]), durable=True, first=2)
while True:
    number, *_ = store.add(None)
    if number % 3 == 0:
        store.remove(str(number))
"""


def process(script: str, path: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_processes_share_one_cloud_which_the_first_of_them_makes(tmp_path: Path, kind: str) -> None:
    store = kind if kind == "memory" else f"file:{tmp_path / 'deep' / 'down' / 'cloud.db'}"
    processes = [process(START_AND_LOOK, tmp_path, store) for _ in range(4)]
    made = [number for p in processes for number in p.communicate(timeout=60)[0].split()]
    assert [p.returncode for p in processes] == [0] * 4
    assert sorted(map(int, made)) == list(range(3, 83))
    assert ids(driver(tmp_path, store)) == [str(number) for number in range(1, 83)]


def test_what_one_process_was_told_another_sees_at_once(tmp_path: Path) -> None:
    readers = [driver(tmp_path) for _ in range(2)]
    writers = [process(START_AND_LOOK, tmp_path, "memory") for _ in range(2)]
    told = 0
    for writer in writers:
        assert writer.stdout is not None
        for line in writer.stdout:
            told += 1
            for reader in readers:
                assert line.strip() in ids(reader)
                assert reader.get_node(line.strip()).name == f"dummy-{line.strip()}"
        assert writer.wait(timeout=60) == 0
        writer.stdout.close()
    assert told == 40


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_writer_that_dies_as_it_announces_hides_nothing(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "cloud.db"
    readers = [Store(path, durable=True, first=2) for _ in range(2)]
    for round_ in range(2):
        assert len(readers[0].rows()) == 2 + round_
        with process(DIE_AT_THE_ANNOUNCEMENT, path, moment) as writer:
            assert writer.wait(timeout=60) == -signal.SIGKILL
        for reader in readers:
            assert reader.rows() == Store(path, durable=True, first=2).rows()
        readers[1].add(None)


def test_a_killed_writer_leaves_a_whole_cloud(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db"
    reader = Store(path, durable=True, first=2)
    for pause in (0, 0.0005, 0.002, 0.005, 0.01):
        before = len(reader.rows())
        ends_at = time.monotonic() + 30
        with process(WRITE_FOR_EVER, path) as writer:
            while len(reader.rows()) < before + 10:
                assert writer.poll() is None
                assert time.monotonic() < ends_at
            time.sleep(pause)  # Each process dies at another step.
            writer.kill()
        # The file holds all that was remembered, although the writer died in the middle.
        assert reader.rows() == Store(path, durable=True, first=2).rows()
        number, *_ = reader.add(None)
        assert number == max(row[0] for row in reader.rows())


def test_a_cloud_that_is_only_read_needs_no_database(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    assert ids(cloud) == ["1", "2"]
    assert cloud.get_node("2").name == "dummy-2"
    assert not list(tmp_path.glob("*.db"))
    other = driver(tmp_path)
    other.stop_vm("1")
    assert ids(cloud) == ids(other) == ["2"]


def test_many_clouds_share_a_few_open_connections(tmp_path: Path) -> None:
    stores = [Store(tmp_path / f"{number}.db", durable=False, first=2) for number in range(100)]
    for _ in range(2):
        for store in stores:
            store.add(None)
    assert [len(store.rows()) for store in stores] == [4] * 100
    opened = Path("/proc/self/fd")
    if opened.is_dir():
        files = [one.readlink() for one in opened.iterdir() if one.exists()]
        assert sum(file.parent == tmp_path and file.suffix == ".db" for file in files) <= MOST_IDLE
