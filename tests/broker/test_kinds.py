"""The registry of operation kinds, and operations of unknown kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from orchestrator_core.broker.handlers import HANDLERS
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations
from tests.stateful import settings, stateful, wait_for


def test_every_kind_that_goes_on_after_its_record_has_a_handler() -> None:
    assert set(HANDLERS) == {kind.name for kind in KINDS.values() if kind.deadline}


def test_a_kind_is_named_as_it_is_registered_and_says_what_it_does() -> None:
    for name, kind in KINDS.items():
        assert name == kind.name
        assert kind.summary.endswith(".")
        assert kind.steps


def write(url: str, **columns: str) -> None:
    """Change every operation, and make it due since a minute ago."""
    database = Database(url, Path())
    values = {**columns, "next_attempt_at": now() - 60.0}
    database.write_now(lambda c: c.execute(update(operations).values(values)))
    database.close()


@pytest.mark.parametrize(("column", "later"), [("kind", "resize_vm"), ("step", "resize")])
def test_an_operation_of_a_later_version_is_left_to_it_and_shown(
    column: str, later: str, database_url: str, tmp_path: Path
) -> None:
    """A worker of this version must neither run it as another kind nor fail on it."""
    cloud = f"""store = "file:{tmp_path}/cloud.db"
[clouds.fake_driver.faults]
operations = ["stop_vm"]
error_rate = 1
"""
    toml = settings(f'url = "{database_url}"\nretry_delay = 60\nprocess_timeout = 1', cloud)
    with stateful(toml, tmp_path) as api:
        operation = api.stop(api.started()).json()["operation"]
        earlier = api.operation(operation)[column]
    write(database_url, **{column: later}, error_code="unreachable")
    toml = toml.replace("error_rate = 1", "error_rate = 0")
    with stateful(toml, tmp_path) as api:
        found = wait_for(
            lambda: api.operation(operation),
            lambda one: one["error"]["error_code"] == "unknown_kind",
        )
        assert (found["state"], found[column], found["attempts"]) == ("pending", later, 1)
        shown = {one["id"]: one for one in api.operations()}
        assert shown[operation][column] == later
    write(database_url, **{column: earlier})
    with stateful(toml, tmp_path) as api:
        assert api.settled(operation)["state"] == "succeeded"
