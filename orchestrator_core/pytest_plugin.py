"""Pytest's part of the conformance kit: entry point ``orchestrator`` in ``pytest11``.

It is loaded wherever the core is installed, and does nothing until a test of the kit is
collected. Switch it off with ``-p no:orchestrator``.

It sees to it that nothing passes silently: a behaviour whose hooks are not claimed is replaced by
its documented refusal, one that is skipped or marked as an expected failure fails, and one that a
class overrides or deletes is a failure of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

_FILES: Final = (
    "assignment",
    "cloud_changes",
    "cloud_live",
    "cloud_power",
    "cloud_reads",
    "cloud_recovery",
    "extension",
    "package",
    "under_test",
)
_SUITE: Final = "orchestrator_core.testing.suite"
_KIT: Final = pytest.StashKey[Any]()

for _file in _FILES:
    pytest.register_assert_rewrite(f"orchestrator_core.testing.{_file}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the kit can write."""
    group = parser.getgroup("orchestrator", "Orchestrator's conformance kit")
    group.addoption(
        "--conformance-json", metavar="FILE", help="Write what became of each behaviour as JSON."
    )


@pytest.fixture
def orchestrator_api(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Serve the API with one plugin alone, for tests of your own.

    ``orchestrator_api("cloud", "nimbus", {"region": "x"})`` gives an
    :class:`~orchestrator_core.testing.Api`; the settings are the plugin's own. The cloud is called
    ``cloud``: ``api.get("/nodes/cloud")``. The servers end with the test.
    """
    from orchestrator_core.testing.fixture import servers  # noqa: PLC0415 - only if it is used

    with servers(tmp_path) as serve:
        yield serve


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """See each class of the kit's tests, and load the rest of this plugin at the first one."""
    if isinstance(obj, type) and name.startswith("Test") and _is_suite(obj):
        kit = collector.config.stash.get(_KIT, None)
        if kit is None:
            from orchestrator_core.testing.conformance import Conformance  # noqa: PLC0415

            kit = Conformance(collector.config)
            collector.config.stash[_KIT] = kit
            collector.config.pluginmanager.register(kit, "orchestrator-conformance")
        kit.suites.append((collector, obj))


def _is_suite(cls: type) -> bool:
    return any(base.__module__ == _SUITE for base in cls.__mro__)
