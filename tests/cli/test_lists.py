"""Lists on the terminal: readable in a narrow window and in a pipe."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from orchestrator_core.broker.operations import inserts, updates
from orchestrator_core.broker.operations.operation import Draft, Progress, Requester
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests.cli.conftest import Run
from tests.stateful import settings

WHO = Requester("portal", "request")


def database(folder: Path) -> Database:
    (folder / "orchestrator.toml").write_text(settings('url = "sqlite:///state.db"'))
    made = Database("sqlite:///state.db", folder)
    upgrade(made)
    return made


def test_an_operation_takes_a_few_short_lines(run: Run, tmp_path: Path) -> None:
    made = database(tmp_path)
    draft = Draft("stop_vm", "fake_driver", Step.DESTROY, WHO, {}, 60.0, "7")

    def work(connection: Connection) -> str:
        operation = inserts.record(connection, draft, "nobody")
        waits = Progress(
            OperationState.PENDING, Step.DESTROY, error_code="cloud_timeout", error_message="late"
        )
        return updates.progress(connection, operation, waits).id

    operation = made.write_now(work)
    made.close()
    config = str(tmp_path / "orchestrator.toml")
    said = run("operations", "list", ORCHESTRATOR_CONFIG=config, COLUMNS="80")
    lines = said.stdout.splitlines()
    assert lines[0] == f"{operation} pending stop_vm of node 7 in fake_driver"
    assert lines[1].startswith("  step destroy, 1 attempt, recorded 20")
    assert lines[2:] == ["  cloud_timeout: late"]
    assert "No durable worker is running" in said.stderr


def test_who_froze_it_is_told_to_the_next_one(run: Run, tmp_path: Path) -> None:
    database(tmp_path).close()
    environment = {"ORCHESTRATOR_CONFIG": str(tmp_path / "orchestrator.toml"), "LOGNAME": "ada"}
    assert "It was" not in run("freeze", "--reason", "a look", **environment).stdout
    again = run("freeze", "--reason", "another", **environment).stdout
    assert again.startswith("It was frozen by ada: a look; your reason replaces that one")
    kept = run("freeze", **environment).stdout
    assert kept.startswith("Already frozen by ada: another; the reason is unchanged")
    assert run("thaw", **environment).stdout.startswith("Thawed; it was frozen by ada: another")
    assert run("thaw", **environment).stdout.startswith("It was not frozen")
