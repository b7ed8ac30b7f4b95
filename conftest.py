"""The order of all tests, the mark of those without processes, and secrets forgotten after each."""

from __future__ import annotations

import gc
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from orchestrator_core.redaction import registry
from tests.parsing import parse_undisturbed

parse_undisturbed()

LONGEST: Final = (
    "tests/testing/test_wrong_clouds.py",
    "tests/docs/test_tutorial.py",
    "tests/broker/test_leases.py",
    "tests/broker/test_kill.py",
    "tests/server/test_master.py",
    "plugins/cistern_plugin/tests/test_cistern_ledger.py",
    "tests/testing/test_wrong_backends.py",
    "tests/docs/test_user_pages.py",
    "tests/tables/test_tables.py",
    "tests/testing/test_pytest_plugin.py",
    "examples/policy_extension/tests/test_quota.py",
    "tests/testing/test_wrong_extensions.py",
    "tests/server/test_missing_files.py",
    "plugins/libcloud_plugin/tests/test_libcloud_conformance.py",
    "tests/broker/test_copies.py",
    "tests/broker/test_several_servers.py",
    "tests/broker/test_model.py",
    "tests/broker/test_blast_radius.py",
    "tests/broker/test_database_away.py",
    "tests/server/test_reload.py",
    "tests/broker/test_faults.py",
    "tests/state/test_database_storm.py",
    "plugins/libcloud_plugin/tests/test_odd_items.py",
    "tests/cli/test_plugin_check.py",
    "plugins/libcloud_plugin/tests/test_gone.py",
    "tests/server/test_fairness.py",
    "tests/docs/test_reference.py",
    "tests/server/test_durable_worker.py",
    "tests/broker/test_clock.py",
    "tests/fuzz/test_limits.py",
    "plugins/libcloud_plugin/tests/test_fault_storm.py",
    "tests/server/test_respawn.py",
    "tests/server/test_late_entry.py",
    "tests/state/test_pooler.py",
    "tests/state/test_schema.py",
    "tests/state/test_damage.py",
    "tests/redaction/test_leaks.py",
    "tests/v1/test_assignments.py",
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


@pytest.fixture(autouse=True, scope="module")
def _secrets_of_the_module() -> Iterator[None]:
    with registry.forgotten_afterwards():
        yield


@pytest.fixture(autouse=True)
def _secrets_of_the_test() -> Iterator[None]:
    with registry.forgotten_afterwards():
        yield


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


def pytest_collection_finish() -> None:
    """Take what the collection has made out of the garbage collector's sight, as a server does.

    Modules and thousands of tests are not freed before the end, and each full collection would
    visit all of them: pytest alone makes six at the end of a run.
    """
    gc.freeze()
    gc.set_threshold(5_000, 5, 50)


def _starts(value: Any) -> bool:
    """Return whether a module that has this value starts processes."""
    return value is subprocess or getattr(value, "__module__", "") in _STARTERS


def _uses_processes(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    if names & _FIXTURES:
        return True
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    return parameters.get("database_url") == "postgresql"
