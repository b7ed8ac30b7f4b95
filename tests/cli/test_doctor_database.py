"""``orchestrator doctor`` on faults of the database, and on what waits in it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from tests import commands
from tests.cli.installed import SETTINGS, Installation
from tests.stateful import wait_for


def test_a_database_with_much_unused_space(installation: Installation) -> None:
    installation.sql(
        "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 24) SELECT zeroblob(1048576) AS content FROM n",
        "DROP TABLE filler",
    )
    found = installation.doctor("database")
    assert found.keys() == {"unused_space"}
    assert "sqlite3" in found["unused_space"]["remedy"]
    installation.sql("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert installation.doctor("database") == {}


ROW: Final = (
    "INSERT INTO processes VALUES ('{id}', 'web', 'other-host', 7, 'b/1/7/7', '{version}', "
    "{now}, {now})"
)
REMOVED: Final = "DELETE FROM processes WHERE host = 'other-host'"


def test_processes_of_another_machine(installation: Installation) -> None:
    now = time.time()
    installation.sql(ROW.format(id="a" * 32, version="0.0.1", now=now))
    try:
        found = installation.doctor("versions")
        assert found.keys() == {"mixed_versions"}
        assert "other-host (pid 7)" in found["mixed_versions"]["remedy"]
    finally:
        installation.sql(REMOVED)
    installation.sql(ROW.format(id="a" * 32, version="0.0.1", now=now - 50))
    try:
        assert installation.doctor("worker").keys() == {"process_silent"}
    finally:
        installation.sql(REMOVED)
    installation.sql(ROW.format(id="a" * 32, version="0.0.1", now=now + 500))
    try:  # until the next heartbeat of any process corrects it
        assert installation.doctor("clock").keys() <= {"heartbeat_in_future"}
    finally:
        installation.sql(REMOVED)


def test_what_waits_for_an_operator(installation: Installation) -> None:
    frozen = commands.run(
        *("freeze", "--config", str(installation.file)), environment=installation.environment
    )
    assert frozen.returncode == 0, frozen.stderr
    installation.sql(
        "INSERT INTO orphans VALUES ('fake', '77', 'x', 'm', 'o', 'no_operation', 1, 1, 5, NULL, "
        "NULL)",
        "INSERT INTO vms (cloud, node_id, origin, state, protected, generation, created_at, "
        "destroy_started_at) VALUES ('fake', '78', 'started', 'destroying', 0, 0, 1, 1)",
    )
    try:
        found = installation.doctor("worker")
    finally:
        installation.sql("DELETE FROM orphans", "DELETE FROM vms WHERE node_id = '78'")
        commands.run(
            "thaw", "--config", str(installation.file), environment=installation.environment
        )
    assert found.keys() == {"destruction_held", "orphans_undecided", "vms_destroying"}
    assert "78 of fake" in found["vms_destroying"]["detail"]


def test_a_database_that_cannot_be_used(installation: Installation) -> None:
    moved = SETTINGS.replace("var/state.db", "elsewhere/state.db")
    with installation.changed(moved):
        found = installation.doctor("database")
    assert "no database in" in found["database_unusable"]["detail"]
    assert not (installation.folder / "elsewhere").exists()


def test_a_database_that_was_replaced_under_the_server(tmp_path: Path) -> None:
    one = Installation(tmp_path)
    file = tmp_path / "var" / "state.db"
    try:
        one.server.wait_for_log("durable worker ready")
        one.server.wait_for_log("ASGI server listening")
        with (
            closing(sqlite3.connect(file)) as here,
            closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
        ):
            here.backup(copy)
        file.rename(tmp_path / "moved.db")
        shutil.copy(tmp_path / "copy.db", file)
        found = wait_for(lambda: one.doctor("server"), lambda found: "not_ready" in found)
        assert "was moved or replaced under it" in found["not_ready"]["detail"]
        assert f"Put the file back that was at {file}" in found["not_ready"]["remedy"]
    finally:
        one.server.stop()
