"""A recorder and a small cloud without a server, and a server with its cloud and command line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest

from orchestrator_core import CloudDescription, Node, PluginContext, hookimpl
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.process.process import Process
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings, StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.driver import DummySettings
from tests import commands
from tests.conftest import Serve
from tests.databases import MakeUrl
from tests.stateful import Api, Json, leases_end, settings, wait_for

asked: list[str] = []
"""The nodes that a cloud was asked to destroy, in order."""


answers: list[OrchestratorError] = []
"""The errors of the next destroys, in order, before destroys are accepted again."""


class OnlyLists:
    """A driver without ``get_node``."""

    def __init__(self, listings: Sequence[Sequence[str]]) -> None:
        self._listings = iter(listings)
        self._last: Sequence[str] = ()

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("test", "Test")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        self._last = next(self._listings, self._last)
        return [Node(node, f"node-{node}") for node in self._last]

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        """Accept the deletion, unless an error is due."""
        asked.append(node_id)
        if answers:
            raise answers.pop(0)


@pytest.fixture
def recorder(sqlite: MakeUrl) -> Iterator[Recorder]:
    url = sqlite()
    database = Database(url, Path())
    upgrade(database)
    yield from recorder_of(database)
    database.close()


def recorder_of(database: Database) -> Iterator[Recorder]:
    process = Process(database, "web", 30.0)
    process.start()
    state = StateSettings(Secret("(plain)", plain=""), retry_delay=0.01, max_retry_delay=0.01)
    yield Recorder(database, process, state)
    process.stop()


def cloud_of(listings: Sequence[Sequence[str]], destroy: Literal["own", "all"] = "all") -> Cloud:
    hooks = Hooks(Kind.CLOUD, "Cloud test", OnlyLists(listings))
    return Cloud(CloudSettings("test", driver="test", destroy=destroy), PluginHandle(hooks))


STATE = (
    'url = "sqlite:///state.db"\norphan_scan_interval = 0.3\nretry_delay = 0.1\n'
    "max_retry_delay = 0.3"
)

Command = Callable[..., str]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, clean_environment: dict[str, str]) -> Run:
    """Return a function that runs ``orchestrator ARGUMENTS`` beside the server."""

    def once(*arguments: str) -> subprocess.CompletedProcess[str]:
        config = ("--config", str(tmp_path / "orchestrator.toml"))
        return commands.run(*arguments, *config, environment=clean_environment)

    # Operators cannot decide about an operation in the middle of an attempt.
    def is_over(done: subprocess.CompletedProcess[str]) -> bool:
        return done.returncode == 0 or "is running; try again" not in done.stderr

    return lambda *arguments: wait_for(lambda: once(*arguments), is_over)


@pytest.fixture
def command(run: Run) -> Command:
    """Return a function that runs ``orchestrator ARGUMENTS`` and returns its output."""

    def told(*arguments: str, status: int = 0) -> str:
        done = run(*arguments)
        assert done.returncode == status, done.stderr
        return str(done.stderr if status else done.stdout)

    return told


@pytest.fixture
def thaw(run: Run) -> Callable[[str], None]:
    """Return a function that thaws, and continues a held operation at once."""

    def thaw(operation: str) -> None:
        assert run("thaw").returncode == 0
        # Held operations are tried again every few seconds; the test does not wait for that.
        hastened = run("operations", "retry", operation)
        assert hastened.returncode == 0 or "has ended" in hastened.stderr, hastened.stderr

    return thaw


@pytest.fixture
def serve_cloud(serve: Serve, tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Return a function that serves a dummy cloud, which outlives its servers."""
    apis: list[Api] = []

    def start(cloud: str = "") -> Api:
        store = f'store = "file:{tmp_path}/cloud.db"'
        server = serve(settings(STATE, f"{store}\n{cloud}"))
        server.wait_for_log("durable worker ready")
        apis.append(Api(server))
        return apis[-1]

    yield start
    for api in apis:
        api.http.close()


def console(folder: Path) -> DummyDriver:
    """Return the same dummy cloud, used without the server."""
    settings = DummySettings().load({"store": f"file:{folder}/cloud.db"})
    return DummyDriver(PluginContext("console", folder), settings)


def expired(api: Api, folder: Path, node: str, code: str | None = None) -> Json:
    """Expire a VM's lease; return the operation that follows, once it has that error."""
    leases_end(f"sqlite:///{folder}/state.db", node)

    def look() -> Json | None:
        found = api.operations(node=node, kind="release_vm")
        return found[0] if found else None

    def is_it(operation: Json | None) -> bool:
        return operation is not None and (operation["error"] or {}).get("error_code") == code

    operation: Json = wait_for(look, is_it)
    return operation
