"""The store of a dummy cloud, which all objects and processes share."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core import (
    Image,
    NodeState,
    PluginContext,
    Size,
    StartRequest,
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
from orchestrator_dummy.file import connect

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


def test_one_node_is_read_without_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SQLite's library releases Python's lock at every row. Beside threads that compute, a read of
    # all rows of a large cloud therefore took up to a second, after each start anew.
    asked: list[str] = []

    def traced(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr("orchestrator_dummy.store.connect", traced)
    one, other = driver(tmp_path), driver(tmp_path)
    started = one.start_vm(REQUEST)
    assert other.get_node(started.id) == started
    asked.clear()
    one.start_vm(REQUEST)
    assert other.get_node("1").id == "1"
    selected = [sql for sql in asked if sql.startswith("SELECT")]
    assert len(selected) == 1
    assert "number = 1 AND" in selected[0]


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
