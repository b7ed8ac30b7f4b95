"""The order of all tests, and the mark of those that ``make quick`` runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

LONGEST: Final = (
    "tests/broker/test_leases.py",
    "tests/broker/test_copies.py",
    "tests/broker/test_blast_radius.py",
    "tests/testing/test_wrong_clouds.py",
    "tests/tables/test_tables.py",
    "tests/state/test_database_storm.py",
    "tests/server/test_reload.py",
    "tests/broker/test_kinds.py",
    "tests/broker/test_unclaimed.py",
    "tests/testing/test_pytest_plugin.py",
    "tests/server/test_master.py",
    "tests/testing/test_wrong_backends.py",
    "tests/server/test_durable_worker.py",
    "tests/server/test_missing_files.py",
    "tests/broker/test_orphans.py",
    "tests/cli/test_unusable_files.py",
    "tests/cli/test_plugin_check.py",
    "tests/broker/test_database_away.py",
    "tests/docs/test_tutorial.py",
    "tests/testing/test_wrong_extensions.py",
    "tests/server/test_respawn.py",
    "tests/server/test_fairness.py",
    "tests/broker/test_several_servers.py",
)
"""The files that take longest begin first, so that no process ends with one while others idle."""

_STARTERS: Final = frozenset(
    {
        "orchestrator_core.testing.runner.make",
        "tests.commands",
        "tests.conftest",
        "tests.databases",
        "tests.stateful",
        "tests.testing.family",
        "tests.wheels",
    }
)
"""Modules that start processes and whole servers, by their functions and classes in a test."""

_FIXTURES: Final = frozenset(
    {"broken", "ec2_port", "postgres", "pytester", "run", "serve", "shared", "tried", "wheels"}
)
"""Fixtures of conftest.py files that start processes."""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "unit: starts no process; set by conftest.py of the root")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start no process, and let the longest files begin."""
    root = Path(__file__).parent
    places = {root / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))
    starts: dict[ModuleType, bool] = {}
    for item in items:
        module = getattr(item, "module", None)
        if module is None:
            continue
        if module not in starts:
            starts[module] = any(map(_starts, vars(module).values()))
        if not starts[module] and not _uses_processes(item):
            item.add_marker("unit")


def _starts(value: Any) -> bool:
    """Return whether a module that has this value starts processes."""
    return value is subprocess or getattr(value, "__module__", "") in _STARTERS


def _uses_processes(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    if names & _FIXTURES:
        return True
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    return parameters.get("database_url") == "postgresql"
