"""The dummy cloud: one cloud for all processes, in which no number ever comes twice."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator_core import (
    Image,
    NodeNotFound,
    NodeState,
    PluginContext,
    Size,
    StartRequest,
)
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.store import Store

REQUEST = StartRequest("ignored", Image("1", "i"), Size("1", "s"))


def driver(directory: Path, store: str = "memory") -> DummyDriver:
    return DummyDriver(PluginContext("cloud", directory), {"store": store})


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
    "node_id", ["3", "01", " 1", "1 ", "-1", "1e3", "", "x", "9" * 40, "\u0661"]
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


def test_a_node_is_found_by_its_marker_which_does_not_show(tmp_path: Path) -> None:
    cloud = driver(tmp_path)
    marked = StartRequest("x", Image("1", "i"), Size("1", "s"), marker="mark-7")
    node = cloud.start_vm(marked)
    assert cloud.find_node("mark-7") == node
    assert "mark-7" not in repr(node)
    cloud.stop_vm(node.id)
    with pytest.raises(NodeNotFound):
        cloud.find_node("mark-7")


def test_a_new_server_starts_afresh_unless_the_store_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    file = f"file:{tmp_path / 'kept' / 'cloud.db'}"
    for store, expected in (("memory", ["1", "2"]), (file, ["1", "2", "3"])):
        driver(tmp_path / "one", store).start_vm(REQUEST)
        assert ids(driver(tmp_path / "two", store)) == expected


START_AND_LOOK = """
import sys
from pathlib import Path
from orchestrator_core import Image, PluginContext, Size, StartRequest
from orchestrator_dummy import DummyDriver

cloud = DummyDriver(PluginContext("cloud", Path(sys.argv[1])), {"store": "memory"})
for _ in range(20):
    node = cloud.start_vm(StartRequest("x", Image("1", "i"), Size("1", "s")))
    assert node.id in [other.id for other in cloud.list_nodes()]  # whoever wrote in between
    print(node.id)
"""

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from orchestrator_dummy.store import Store

store = Store(Path(sys.argv[1]), durable=True, first=2)
while True:
    number, _ = store.add(None)
    if number % 3 == 0:
        store.remove(str(number))
"""


def process(script: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_share_one_cloud(tmp_path: Path) -> None:
    reader = driver(tmp_path)
    assert ids(reader) == ["1", "2"]
    processes = [process(START_AND_LOOK, tmp_path) for _ in range(4)]
    made = [number for p in processes for number in p.communicate(timeout=60)[0].split()]
    assert [p.returncode for p in processes] == [0] * 4
    assert sorted(map(int, made)) == list(range(3, 83))
    assert ids(reader) == [str(number) for number in range(1, 83)]


def test_a_killed_writer_leaves_a_whole_cloud(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db"
    reader = Store(path, durable=True, first=2)
    for _ in range(3):
        before = len(reader.rows())
        ends_at = time.monotonic() + 30
        with process(WRITE_FOR_EVER, path) as writer:
            while len(reader.rows()) < before + 10:
                assert writer.poll() is None
                assert time.monotonic() < ends_at
            writer.kill()
        # What is remembered is what is there, although the writer died in the middle.
        assert reader.rows() == Store(path, durable=True, first=2).rows()
        number, _ = reader.add(None)
        assert number == max(row[0] for row in reader.rows())
