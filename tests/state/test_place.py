"""The place of a database: its server detects a move that the database cannot."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

from orchestrator_core.state import installation
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests.databases import postgres_server, sqlalchemy_url


def promote(folder: Path, uri: str) -> None:
    """End a recovery, as after a restore to a point in time."""
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")
    assert not (folder / "standby.signal").exists()


def test_a_promoted_server_destroys_nothing_until_an_operator_confirms() -> None:
    with postgres_server() as server:
        folder, url = Path(server.pgdata), sqlalchemy_url(server.get_uri())
        database = Database(url, Path())
        upgrade(database)
        before = database.place
        assert database.write_now(lambda c: installation.check_location(c, before)) == ""
        database.close()
        server.stop()
        owner = (folder / "PG_VERSION").stat()
        (folder / "standby.signal").touch()
        os.chown(folder / "standby.signal", owner.st_uid, owner.st_gid)
        server.start()
        promote(folder, server.get_uri())
        database = Database(url, Path())
        after = database.place
        held = database.write_now(lambda c: installation.check_location(c, after))
        assert "not where it was" in held
        database.write_now(lambda c: installation.confirm(c, after, new_id=False))
        assert database.write_now(lambda c: installation.check_location(c, after)) == ""
        database.close()
