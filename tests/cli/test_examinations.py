"""The judgements of the doctor's examinations, and its examination of PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from orchestrator_core.broker.backlog import Backlog
from orchestrator_core.cli.doctor import (
    EXAMINATIONS,
    clock,
    database,
    disk,
    versions,
    worker,
)
from orchestrator_core.cli.doctor.disk import Room
from orchestrator_core.cli.doctor.findings import Examination, Finding, duration, listed, size
from orchestrator_core.cli.doctor.run import run_all
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.errors import SettingsError
from orchestrator_core.metrics import catalogue
from orchestrator_core.settings.model import Settings
from orchestrator_core.state import schema
from orchestrator_core.state.database import Database
from orchestrator_core.state.storage import Storage
from orchestrator_core.state.upgrade import upgrade
from tests import commands
from tests.cli.examined import NOTHING, names, state
from tests.conftest import running
from tests.databases import MakeUrl
from tests.stateful import wait_for

MIB: Final = 2**20
DAY: Final = 86_400.0


def fail(_subject: Subject) -> Iterable[Finding]:
    raise ZeroDivisionError("by zero")


def refuse(_subject: Subject) -> Iterable[Finding]:
    raise SettingsError("no such thing")


def hang(_subject: Subject) -> Iterable[Finding]:
    time.sleep(20)
    return []


def test_an_examination_that_fails_or_hangs_is_a_finding_of_its_own() -> None:
    examinations = [Examination(one.__name__, "", one) for one in (fail, refuse, hang)]
    examinations.append(Examination("fine", "", lambda _subject: []))
    results = run_all(examinations, NOTHING, seconds=0.3)
    details = [[one.detail for one in result.findings] for result in results]
    assert details == [
        ["The examination 'fail' failed (ZeroDivisionError: by zero)."],
        ["The examination 'refuse' failed: no such thing."],
        ["The examination 'hang' did not end within 0.3 s."],
        [],
    ]
    assert [result.has_ended for result in results] == [True, True, False, True]


def test_a_hanging_examination_does_not_keep_the_command_from_ending() -> None:
    code = (
        "import concurrent.futures, time\n"
        "from orchestrator_core.cli import doctor\n"
        "from orchestrator_core.cli.doctor.findings import Examination\n"
        "def hang(subject):\n"
        "    concurrent.futures.ThreadPoolExecutor().submit(time.sleep, 60).result()\n"
        "run = doctor.run_all\n"
        "doctor.run_all = lambda found, subject: run([Examination('x', '', hang)], subject, 0.2)\n"
        "doctor.doctor([], prog_name='doctor')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
    )
    assert ran.returncode == 1, ran.stderr
    assert "'x' did not end within 0.2 s" in ran.stdout


# Disk, clock and versions


@pytest.mark.parametrize(
    ("room", "found"),
    [
        (Room(50 * MIB, 100 * MIB, 10**6), ["disk_low warning"]),
        (Room(10 * MIB, 100 * MIB, None), ["disk_full problem"]),
        (Room(1024 * MIB, 10**6 * MIB, None), ["disk_low warning"]),
        (Room(10**5 * MIB, 10**7 * MIB, None), []),
        (Room(10**5 * MIB, 10**6 * MIB, 10), ["inodes_low problem"]),
    ],
)
def test_the_room_on_a_disk(room: Room, found: list[str]) -> None:
    assert names(disk.judge("the database", Path("/var"), room)) == found


@pytest.mark.parametrize(
    ("seconds", "uncertainty", "words"),
    [(1.5, 0.0, None), (-9.0, 8.0, None), (-90.0, 1.0, "1 minute behind"), (7300, 1, "ahead of")],
)
def test_clocks_that_differ(seconds: float, uncertainty: float, words: str | None) -> None:
    found = list(clock.skew(seconds, uncertainty))
    assert bool(found) is (words is not None)
    assert all(str(words) in one.detail for one in found)


def test_a_heartbeat_in_the_future() -> None:
    rows = [{"pid": 7, "host": "a", "silent": silent} for silent in (3.0, -0.5, -700.0)]
    (found,) = clock.ahead(rows)
    assert "11 minutes in the future" in found.detail


def test_versions_without_corrections() -> None:
    end = versions.POSTGRESQL_ENDS[15]
    assert list(versions.ended("PostgreSQL", "15", end, end)) == []
    found = versions.ended("PostgreSQL", "15", end, end + dt.timedelta(days=1))
    assert names(found) == ["version_ended warning"]
    assert list(versions.ended("PostgreSQL", "99", versions.POSTGRESQL_ENDS.get(99), end)) == []


def test_processes_of_several_versions() -> None:
    assert list(versions.mixed({"a": "0.1.0", "b": "0.1.0"})) == []
    (found,) = versions.mixed({"a (pid 1)": "0.9.0", "b (pid 2)": "0.10.0", "c": "0.10.0"})
    assert found.remedy.endswith("to 0.10.0 and restart: a (pid 1)")


# The database and the durable worker


def test_the_space_of_a_database() -> None:
    fine = [
        Storage(100 * MIB, unused=40 * MIB, log=4 * MIB),
        Storage(2 * MIB, unused=MIB + 1),
        Storage(1, dead={"vms": (9000, 10), "operations": (20_000, 30_000)}),
    ]
    assert [list(database.bloat(one, "x.db")) for one in fine] == [[], [], []]
    assert names(database.bloat(Storage(30 * MIB, unused=20 * MIB), "x")) == [
        "unused_space warning"
    ]
    assert names(database.bloat(Storage(1, log=65 * MIB), "x")) == ["log_large warning"]
    assert names(database.bloat(Storage(1, dead={"vms": (20_000, 1)}), "x")) == [
        "dead_rows warning"
    ]


def test_rows_that_no_worker_deletes() -> None:
    none = Backlog(0, [], [], 0.5 * DAY)
    assert list(database.old_rows(none, state())) == []
    (found,) = database.old_rows(replace(none, overdue=3 * DAY), state())
    assert "3 days older than [state] retention (30 days)" in found.detail


def figures(**changed: Any) -> dict[Any, Any]:
    one: dict[Any, Any] = {spec: {} for spec in catalogue.FIGURES}
    one[catalogue.PROCESSES] = {("worker",): 1}
    return one | {getattr(catalogue, name): value for name, value in changed.items()}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"PROCESSES": {("web",): 2}}, ["no_durable_worker problem"]),
        ({"PROCESSES": {("worker",): 0}}, ["no_durable_worker problem"]),
        ({"WORKER_LAG": {(): 61.0}}, ["worker_behind problem"]),
        ({"OPERATIONS": {("stop_vm", "paused"): 2}}, ["operations_paused warning"]),
        ({"OPERATION_AGE": {("stop_vm", "pending"): 7200.0}}, ["operations_old warning"]),
        ({"OPERATION_AGE": {("stop_vm", "paused"): 7200.0}}, []),
        ({"SCAN_FAILED": {("a",): 1.0, ("gone",): 1.0}}, ["orphan_scan_failed warning"]),
        ({"SCAN_AGE": {("a",): 6000.0}}, ["orphan_scan_failed warning"]),
        ({"SCAN_AGE": {("gone",): 6000.0}}, []),
        ({"SCAN_AGE": {("a",): 6000.0}, "PROCESSES": {}}, ["no_durable_worker problem"]),
    ],
)
def test_the_work_that_waits(changed: dict[str, Any], found: list[str]) -> None:
    one, none = figures(**changed), Backlog(0, [], [], 0.0)
    judged = [*worker.alive(one), *worker.waiting(one, none), *worker.decisions(one, "")]
    assert names([*judged, *worker.scans(one, 300.0, {"a"})]) == found


def test_operations_and_vms_that_wait_for_long() -> None:
    late = Backlog(2, [("a", "7")], [("b", "8"), ("b", "9")], 0.0)
    assert names(worker.waiting(figures(), late)) == ["operations_lost problem"]
    destroying, protected = worker.vms(late)
    assert "7 of a" in destroying.detail
    assert protected.remedy == "orchestrator protect b 8 --off"


def test_a_schema_that_works_and_is_not_the_newest(
    sqlite: MakeUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Database(sqlite(), Path())
    upgrade(opened)
    settings = Settings(state=state())
    subject = Subject(None, settings, (), database=opened, usable=True)
    assert list(database.examine(subject)) == []
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    (found,) = database.examine(subject)
    opened.close()
    assert found.remedy == "orchestrator db upgrade"


# PostgreSQL, for real

SHIFTED: Final = """
CREATE SCHEMA shifted;
CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$;
"""


def test_postgresql_with_a_wrong_clock_and_many_dead_rows(
    postgres: MakeUrl, tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    url = postgres()
    opened = Database(url, Path())
    upgrade(opened)
    opened.close()
    toml = f'[state]\nurl = "{url}"\n[clouds.a]\ndriver = "dummy"\n'
    file, temporary = tmp_path / "orchestrator.toml", tmp_path / "tmp"
    file.write_text(toml)
    temporary.mkdir()
    names_of_all = [one.name for one in EXAMINATIONS if one.name != "disk"]

    def doctor() -> dict[str, dict[str, str]]:
        ran = commands.run(
            *("doctor", "--json", *names_of_all, "--config", str(file)),
            environment={**clean_environment, "TMPDIR": str(temporary)},
        )
        assert ran.stderr == ""
        findings = json.loads(ran.stdout)["findings"]
        return {one["name"]: one for one in findings if one["name"] != "version_ended"}

    with running(toml, tmp_path, {"TMPDIR": str(temporary)}) as server:
        server.wait_for_log("durable worker ready")
        assert doctor() == {}
    assert doctor().keys() == {"not_running", "no_durable_worker"}
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orphans SELECT 'a', n, 'x', 'm', 'o', 'no_operation', 1, 1, 1 "
            "FROM generate_series(1, 12000) AS n"
        )
        connection.execute("DELETE FROM orphans")
        connection.execute(SHIFTED)
        name = connection.info.dbname
        path = "shifted, pg_catalog, public"
        connection.execute(f"ALTER DATABASE {name} SET search_path = {path}")
    found = wait_for(doctor, lambda found: "dead_rows" in found or "clock_skew" in found)
    assert found.keys() == {"not_running", "no_durable_worker", "clock_skew"}, (
        "its tables are in another schema"
    )
    assert "ahead of" in found["clock_skew"]["detail"]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} RESET search_path")
    found = wait_for(doctor, lambda found: "dead_rows" in found)
    assert "The table orphans has 12000 deleted rows" in found["dead_rows"]["detail"]


def test_a_database_that_does_not_answer(
    closed_port: int, tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    file = tmp_path / "orchestrator.toml"
    url = f"postgresql+psycopg://u:hunter2-secret@127.0.0.1:{closed_port}/x"
    file.write_text(f'[state]\nurl = "{url}"\n')
    file.chmod(0o644)
    ran = commands.run("doctor", "--json", "--config", str(file), environment=clean_environment)
    found = {one["name"]: one for one in json.loads(ran.stdout)["findings"]}
    assert ran.returncode == 1
    assert "refused" in found["database_unusable"]["detail"]
    assert "has the database's password" in found["secret_readable"]["detail"]
    assert "hunter2-secret" not in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("make", "value", "words"),
    [
        (duration, 0.2, "0 seconds"),
        (duration, 60, "1 minute"),
        (duration, 200_000, "2 days"),
        (size, 900, "900 bytes"),
        (size, 1536, "1.5 KiB"),
        (size, 3 * 2**31, "6.0 GiB"),
        (listed, ["a", "b"], "a, b"),
        (listed, list("abcdefgh"), "a, b, c, d, e, f, and 2 more"),
    ],
)
def test_numbers_in_words(make: Callable[[Any], str], value: Any, words: str) -> None:
    assert make(value) == words
