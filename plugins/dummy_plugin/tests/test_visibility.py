"""Nodes that appear late, equally for every process, also in a file of an older version."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_core import Deadline, Image, NodeNotFound, NodeState, Size, StartRequest
from orchestrator_dummy import FaultInjectionDriver
from orchestrator_dummy.store import Store

Make = Callable[..., FaultInjectionDriver]

PATIENCE = 20.0
REQUEST = StartRequest("ignored", Image("1", "i"), Size("1", "s"), marker="mark")

START_AND_STOP = """
import sys
from pathlib import Path
from orchestrator_core import Deadline, Image, PluginContext, Size, StartRequest
from orchestrator_dummy import FaultInjectionDriver

faults = {"visible_after": float(sys.argv[2])}
loaded = FaultInjectionDriver.settings_schema().load({"faults": faults})
cloud = FaultInjectionDriver(PluginContext("cloud", Path(sys.argv[1])), loaded)
print(cloud.start_vm(StartRequest("x", Image("1", "i"), Size("1", "s")), Deadline(60), {}).id)
cloud.stop_vm("1", Deadline(60), {})
"""

OPEN_AND_ADD = """
import sys
from pathlib import Path
from orchestrator_dummy.store import Store

sys.stdin.readline()  # so that all of them begin together
store = Store(Path(sys.argv[1]), durable=True, first=2)
with store.lagging(3600):
    store.add(None)
store.add(None)
"""

OLD_SCHEMA = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE nodes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        state TEXT NOT NULL DEFAULT 'running',
        marker TEXT UNIQUE
    );
    INSERT INTO nodes (state, marker) VALUES ('running', NULL), ('stopped', 'old');
    PRAGMA user_version = 5;
"""


def ids(cloud: FaultInjectionDriver) -> list[str]:
    return [node.id for node in cloud.list_nodes(Deadline(60), {})]


class Clock:
    """A stand-in for the store's clock."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("orchestrator_dummy.store.time", clock)
    return clock


def test_a_start_and_a_stop_show_later(make_cloud: Make, clock: Clock) -> None:
    cloud, other = make_cloud({"visible_after": 30}), make_cloud()
    node = cloud.start_vm(REQUEST, Deadline(60), {})
    clock.now += 10
    cloud.stop_vm("1", Deadline(60), {})
    for moment, shown in ((0, ["1", "2"]), (19.9, ["1", "2"]), (0.1, ["1", "2", "3"])):
        clock.now += moment
        assert ids(cloud) == ids(other) == shown
        if "3" in shown:
            assert cloud.get_node("3", Deadline(60), {}) == node
            assert other.find_node("mark", Deadline(60), {}) == node
        else:
            with pytest.raises(NodeNotFound):
                cloud.get_node("3", Deadline(60), {})
            with pytest.raises(NodeNotFound):
                other.find_node("mark", Deadline(60), {})
    clock.now += 10
    assert ids(cloud) == ids(other) == ["2", "3"]
    with pytest.raises(NodeNotFound):
        other.get_node("1", Deadline(60), {})


def test_the_cloud_itself_knows_at_once(make_cloud: Make, clock: Clock) -> None:
    cloud = make_cloud({"visible_after": 30})
    cloud.start_vm(REQUEST, Deadline(60), {})
    cloud.start_vm(StartRequest("x", REQUEST.image, REQUEST.size), Deadline(60), {})
    cloud.power_off_vm("3", Deadline(60), {})  # It exists, and is not shown yet.
    make_cloud().stop_vm("4", Deadline(60), {})
    cloud.stop_vm("1", Deadline(60), {})
    for act in (cloud.stop_vm, make_cloud().stop_vm, cloud.reboot_vm, cloud.power_on_vm):
        with pytest.raises(NodeNotFound):  # It is gone, and still shown.
            act("1", Deadline(60), {})
    assert ids(cloud) == ["1", "2"]
    clock.now += 30
    assert ids(cloud) == ["2", "3"]
    assert cloud.get_node("3", Deadline(60), {}).state is NodeState.STOPPED


def test_what_has_gone_leaves_the_file(make_cloud: Make, clock: Clock, tmp_path: Path) -> None:
    cloud = make_cloud({"visible_after": 30})
    for node_id in ("1", "2", "3"):
        cloud.start_vm(StartRequest("x", REQUEST.image, REQUEST.size), Deadline(60), {})
        cloud.stop_vm(node_id, Deadline(60), {})
        clock.now += 60
    with closing(sqlite3.connect(tmp_path / "dummy-cloud.db")) as connection:
        kept = connection.execute("SELECT number FROM nodes ORDER BY number").fetchall()
    assert kept == [(3,), (4,), (5,)]
    assert ids(cloud) == ["4", "5"]


def test_nothing_is_read_again_before_something_is_due(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path / "cloud.db", durable=False, first=2)
    with store.lagging(30):
        store.add(None)
    before = store.rows()
    clock.now += 29
    assert store.rows() is before
    clock.now += 1
    after = store.rows()
    assert after is not before
    clock.now += 1_000_000
    assert store.rows() is after


def test_the_same_tuple_is_listed_until_a_node_changes(make_cloud: Make) -> None:
    cloud, other = make_cloud(), make_cloud()
    before = cloud.list_nodes(Deadline(60), {})
    assert isinstance(before, tuple)
    assert cloud.list_nodes(Deadline(60), {}) is before
    other.power_off_vm("2", Deadline(60), {})
    after = cloud.list_nodes(Deadline(60), {})
    assert after is not before
    assert [node.state for node in after] == [NodeState.RUNNING, NodeState.STOPPED]
    assert before[1].state is NodeState.RUNNING


@pytest.mark.parametrize("delay", ["3600", "0.05"])
def test_another_process_sees_it_alike(make_cloud: Make, tmp_path: Path, delay: str) -> None:
    cloud = make_cloud()
    assert ids(cloud) == ["1", "2"]
    command = [sys.executable, "-c", START_AND_STOP, str(tmp_path), delay]
    subprocess.run(command, check=True, timeout=60)
    if delay == "3600":
        assert ids(cloud) == ["1", "2"]
        return
    ends_at = time.monotonic() + PATIENCE
    while ids(cloud) != ["2", "3"]:
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def old_file(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(OLD_SCHEMA)


def test_a_file_of_an_older_version_is_brought_up_to_date(make_cloud: Make, tmp_path: Path) -> None:
    old_file(tmp_path / "old.db")
    cloud = make_cloud({"visible_after": 3600}, f"file:{tmp_path / 'old.db'}")
    assert ids(cloud) == ["1", "2"]
    assert cloud.find_node("old", Deadline(60), {}).state is NodeState.STOPPED
    assert cloud.start_vm(REQUEST, Deadline(60), {}).id == "3"
    cloud.stop_vm("1", Deadline(60), {})
    assert ids(cloud) == ["1", "2"]


def test_several_processes_bring_one_file_up_to_date(tmp_path: Path) -> None:
    for round_ in range(3):
        path = tmp_path / f"old-{round_}.db"
        old_file(path)
        command = [sys.executable, "-c", OPEN_AND_ADD, str(path)]
        processes = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(4)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            process.communicate(timeout=60)
            assert process.returncode == 0
        store = Store(path, durable=True, first=2)
        assert len(store.rows()) == 6
        assert store.add(None)[0] == 11
