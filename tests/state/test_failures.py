"""The log of a database outage: its start, reminders and its end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from orchestrator_core.errors import StateUnavailable
from orchestrator_core.state import failures
from orchestrator_core.state.database import Database


def test_a_database_that_is_away_fills_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(failures, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    database = Database("sqlite:///state.db", tmp_path)
    database.write_now(lambda c: c.execute(text("CREATE TABLE one (id INTEGER)")))

    def told() -> list[str]:
        with capture_logs() as logs:
            for _ in range(50):
                try:
                    database.write_now(lambda c: c.execute(text("DELETE FROM one")))
                except StateUnavailable:
                    continue
        return [one["event"] for one in logs]

    assert told() == []
    (tmp_path / "state.db").rename(tmp_path / "away.db")
    assert told() == ["database failed"]
    assert told() == []
    clock[0] += 60.0
    assert told() == ["database failed"]
    (tmp_path / "away.db").rename(tmp_path / "state.db")
    assert told() == ["database is back"]
    assert told() == []
    database.close()
