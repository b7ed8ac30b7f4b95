"""Operations of a cloud that was removed from the settings: they show why they wait."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from orchestrator_core.broker.operations import inserts, unclaimed
from orchestrator_core.broker.operations.operation import Draft, Requester
from orchestrator_core.broker.states import Step
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations
from tests.stateful import Api, Json, settings, stateful, wait_for

DAY = 86_400.0


def held_up(api: Api) -> str:
    """Create an operation that waits for its cloud, which does not answer; return its id."""
    node = api.started()
    answer = api.stop(node)
    assert answer.status_code == 502
    operation: str = answer.json()["operation"]
    return operation


def let_pass(url: str, operation: str, **columns: float) -> None:
    """Make an operation due, and perhaps past its deadline, for this many seconds."""
    database = Database(url, Path())
    times = {name: now() - seconds for name, seconds in columns.items()}
    waiting = update(operations).where(operations.c.id == operation)
    database.write_now(lambda c: c.execute(waiting.values(**times)))
    database.close()


@pytest.fixture
def toml(database_url: str, tmp_path: Path) -> str:
    cloud = f"""store = "file:{tmp_path}/cloud.db"
[clouds.fake_driver.faults]
operations = ["stop_vm"]
error_rate = 1
"""
    return settings(f'url = "{database_url}"\nretry_delay = 60', cloud)


def unknown(operation: Json) -> bool:
    return (operation["error"] or {}).get("error_code") == "unknown_cloud"


def test_an_unclaimed_operation_is_reported_once_and_resumes_with_its_cloud(
    toml: str, database_url: str, tmp_path: Path
) -> None:
    with stateful(toml, tmp_path) as api:
        unclaimed = [held_up(api), held_up(api)]
    for operation in unclaimed:
        let_pass(database_url, operation, next_attempt_at=60.0)
        with stateful(toml.replace("fake_driver", "new_driver"), tmp_path) as api:
            found = wait_for(partial(api.operation, operation), unknown)
            assert found["state"] == "pending"
            assert "has this cloud in its settings" in found["error"]["detail"]
            said = api.server.wait_for_log(r"operation unclaimed.*operation_id=(\w+)")
            assert said.group(1) == operation
            assert api.server.log().count("operation unclaimed") == 1
    with stateful(toml.replace("error_rate = 1", "error_rate = 0"), tmp_path) as api:
        for operation in unclaimed:
            assert api.settled(operation)["state"] == "succeeded"


def test_an_operation_that_no_process_could_run_in_time_is_paused(
    toml: str, database_url: str, tmp_path: Path
) -> None:
    """An operation that has just become due is left to a worker that may have the cloud."""
    with stateful(toml, tmp_path) as api:
        over, due = held_up(api), held_up(api)
    let_pass(database_url, over, next_attempt_at=DAY, deadline_at=60.0)
    let_pass(database_url, due, next_attempt_at=0.0)
    with stateful(toml.replace("fake_driver", "new_driver"), tmp_path) as api:
        found = wait_for(lambda: api.operation(over), unknown)
        assert (found["state"], found["next_attempt_at"]) == ("paused", None)
        assert not unknown(api.operation(due))


def test_operations_of_a_cloud_in_use_are_not_reported(database: Database) -> None:
    """Its own worker has reached its limit, which another worker does not know."""
    who = Requester("portal", "request")
    drafts = [Draft("stop_vm", cloud, Step.DESTROY, who, {}, DAY, "1") for cloud in ("a", "b")]
    for draft in drafts:
        database.write_now(partial(inserts.schedule, draft=draft))
    database.write_now(lambda c: inserts.record(c, drafts[0], "p" * 32))
    told = database.write_now(lambda c: unclaimed.report(c, [], -1.0))
    assert [operation.cloud for operation in told] == ["b"]
