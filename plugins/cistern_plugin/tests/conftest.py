"""A Cistern server, and backends that talk to it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from orchestrator_cistern import CisternBackend
from orchestrator_core import PluginContext


def _load_server() -> ModuleType:
    # The tests' folder is no package and not on the path, so that tests of different plugins cannot
    # shadow each other.
    name = "orchestrator_cistern_test_server"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, Path(__file__).with_name("cistern_server.py")
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def cistern_server() -> Iterator[Any]:
    """Serve a Cistern without VMs; see cistern_server.py."""
    server = _load_server().CisternServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shared_cistern() -> Iterator[Any]:
    """Serve a Cistern for a whole file of tests, each of which uses VMs of its own."""
    server = _load_server().CisternServer()
    yield server
    server.close()


@pytest.fixture
def make_backend(tmp_path: Path) -> Iterator[Callable[..., CisternBackend]]:
    """Return a function that makes a backend "brain" with these settings, as the core does."""
    made: list[CisternBackend] = []

    def make(**settings: Any) -> CisternBackend:
        loaded = CisternBackend.settings_schema().load(settings)
        made.append(CisternBackend(PluginContext("brain", tmp_path), loaded))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(cistern_server: Any, make_backend: Callable[..., CisternBackend]) -> CisternBackend:
    """Return a backend that talks to ``cistern_server``."""
    return make_backend(url=cistern_server.url, timeout=5)
