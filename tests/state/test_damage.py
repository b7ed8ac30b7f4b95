"""Damaged SQLite files: errors in one sentence, and no further loss."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import structlog
from click.testing import CliRunner
from structlog.testing import capture_logs

from orchestrator_core.api.application import build_application
from orchestrator_core.api.services import Services
from orchestrator_core.app import make_components
from orchestrator_core.cli.main import main
from orchestrator_core.errors import OrchestratorError, SettingsError, StateUnavailable
from orchestrator_core.settings.load import load_settings
from orchestrator_core.state import damage, schema
from orchestrator_core.state.database import Database
from orchestrator_core.state.open import ensure
from orchestrator_core.state.upgrade import upgrade
from tests.stateful import settings, stateful

SHORT: Final = 4
LONG: Final = 200
PAGE: Final = 4096
READS: Final = ("v2/operations", "v2/assignments", "v1/vm/status", "v2/orphans", "v2/processes")

Damage = Callable[[bytearray, random.Random], None]


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the database of a server that has made changes of several kinds."""
    folder = tmp_path_factory.mktemp("seed")
    store = f'store = "file:{folder}/cloud.db"'
    with stateful(settings('url = "sqlite:///state.db"', store), folder) as api:
        nodes = [api.started() for _ in range(3)]
        api.assign(nodes[0], lease="1h")
        api.assign(nodes[1])
        api.stop(nodes[2])
        api.release(nodes[1])
    with closing(sqlite3.connect(folder / "state.db")) as connection, connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Undo what the commands that run in this process configure for its log lines."""
    yield
    structlog.reset_defaults()


def flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 4, 16))):
        limit = chance.choice((100, PAGE, len(data), len(data)))
        data[chance.randrange(limit)] ^= chance.randrange(1, 256)


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(1, len(data)) :]


def blank(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data))
    size = min(chance.choice((1, 16, 512, PAGE)), len(data) - at)
    data[at : at + size] = bytes(size)


def damaged(seed: Path, folder: Path, how: Damage, number: int) -> Path:
    """Write a damaged copy of the database and its settings; return the settings file."""
    data = bytearray((seed / "state.db").read_bytes())
    how(data, random.Random(number))
    (folder / "state.db").write_bytes(data)
    shutil.copy(seed / "cloud.db", folder)
    config = folder / "orchestrator.toml"
    store = f'store = "file:{folder}/cloud.db"'
    config.write_text(settings('url = "sqlite:///state.db"\nworker = false', store))
    return config


def check(config: Path, *command: str) -> None:
    """Run a command; it succeeds, or gives the reason in one sentence."""
    said = CliRunner().invoke(main, [*command, "--config", str(config)])
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exc_info
    assert "Traceback" not in said.output


async def ask(config: Path) -> list[httpx2.Response]:
    """Return the answers of a server in this process; none if it refuses to start."""
    loaded = load_settings(config, {})
    run = config.parent / "run"
    run.mkdir()
    try:
        components = make_components(loaded, "web", directory=run)
        await components.broker.start()
    except OrchestratorError:
        return []
    services = Services(
        loaded, components.plugins, components.registry, components.extensions, components.broker
    )
    app: Any = build_application(services)
    transport = httpx2.ASGITransport(app=app)
    try:
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://localhost/api"
        ) as client:
            return [await client.get(path) for path in READS]
    finally:
        await components.broker.stop()


def run(seed: Path, folder: Path, how: Damage, number: int) -> None:
    config = damaged(seed, folder, how, number)
    with capture_logs() as logs:
        check(config, "check", "--connect")
        answers = asyncio.run(ask(config))
    for answer in answers:
        assert answer.status_code in (200, 503), answer.text
    assert not [one for one in logs if one.get("exc_info")]
    assert not [one for one in logs if one["event"] == "database created"]


@pytest.mark.parametrize("number", range(SHORT))
@pytest.mark.parametrize("how", [flip, cut, blank], ids=lambda how: how.__name__)
def test_damage_is_no_traceback_and_no_new_database(
    seed: Path, tmp_path: Path, how: Damage, number: int
) -> None:
    run(seed, tmp_path, how, number)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(SHORT, LONG))
@pytest.mark.parametrize("how", [flip, cut, blank], ids=lambda how: how.__name__)
def test_much_damage(seed: Path, tmp_path: Path, how: Damage, number: int) -> None:
    run(seed, tmp_path, how, number)


def made(folder: Path) -> Path:
    database = Database("sqlite:///state.db", folder)
    upgrade(database)
    database.checkpoint()
    database.close()
    with closing(sqlite3.connect(folder / "state.db")) as connection, connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "state.db"


def test_a_first_page_that_hides_all_tables_makes_no_new_database(tmp_path: Path) -> None:
    file = made(tmp_path)
    data = bytearray(file.read_bytes())
    data[100:108] = bytes((13, 0, 0, 0, 0, 16, 0, 0))  # an empty leaf, as in a new database
    file.write_bytes(data)
    database = Database("sqlite:///state.db", tmp_path)
    assert database.read_now(schema.current) is None
    for attempt in (ensure, upgrade):
        with pytest.raises(SettingsError, match="has no tables of this program"):
            attempt(database)
    database.close()
    assert file.read_bytes()[PAGE:] == bytes(data[PAGE:])


def test_a_sound_database_is_not_called_damaged(seed: Path) -> None:
    assert damage.find(seed / "state.db") == ""


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE operations SET parameters = '{\"x'", "a wrong value of parameters"),
        ("UPDATE operations SET created_at = 'noon'", "a wrong value of created_at"),
        ("UPDATE operations SET caller = CAST(x'ff' AS TEXT)", "Could not decode to UTF-8"),
        ("DELETE FROM installation", "installation has 0 rows instead of one"),
    ],
    ids=["json", "number", "text", "no-row"],
)
def test_damaged_values_are_found(seed: Path, tmp_path: Path, statement: str, what: str) -> None:
    file = Path(shutil.copy(seed / "state.db", tmp_path))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)
    assert what in damage.find(file)


def test_an_error_of_the_code_stays_one(tmp_path: Path) -> None:
    made(tmp_path)
    database = Database("sqlite:///state.db", tmp_path)
    with pytest.raises(ZeroDivisionError):
        database.read_now(lambda _: 1 / 0)
    database.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    database = Database("sqlite:////proc/nowhere/state.db", tmp_path)
    with pytest.raises(StateUnavailable) as refused:
        upgrade(database)
    assert refused.value.reason.startswith("/proc/nowhere/state.db")
    database.close()
