"""A recorder and a small cloud, for tests of the broker that need no server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest

from orchestrator_core import CloudDescription, Node, hookimpl
from orchestrator_core.broker.process import Process
from orchestrator_core.broker.recorder import Recorder
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.plug import Plug
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings, StateSettings
from orchestrator_core.settings.secrets import Secret
from orchestrator_core.state.database import Database
from orchestrator_core.state.upgrade import upgrade
from tests.databases import MakeUrl

asked: list[str] = []
"""The nodes that a cloud was asked to destroy, one after the other."""


answers: list[OrchestratorError] = []
"""What comes of the next destroys, one after the other, before they are accepted again."""


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
        """Accept it, unless something else is to come of it."""
        asked.append(node_id)
        if answers:
            raise answers.pop(0)


@pytest.fixture
def recorder(sqlite: MakeUrl) -> Iterator[Recorder]:
    url = sqlite()
    database = Database(url, Path())
    upgrade(database)
    yield from recording(database)
    database.close()


def recording(database: Database) -> Iterator[Recorder]:
    process = Process(database, "web", 30.0)
    process.start()
    settings = StateSettings(Secret("(plain)", plain=""), pause=0.01, longest_pause=0.01)
    yield Recorder(database, process, settings)
    process.stop()


def cloud_of(listings: Sequence[Sequence[str]], destroy: Literal["own", "all"] = "all") -> Cloud:
    hooks = Hooks(Kind.CLOUD, "Cloud test", OnlyLists(listings))
    return Cloud(CloudSettings("test", driver="test", destroy=destroy), Plug(hooks))
