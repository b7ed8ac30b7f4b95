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
    "behaviours.assignment",
    "behaviours.cloud_changes",
    "behaviours.cloud_live",
    "behaviours.cloud_power",
    "behaviours.cloud_reads",
    "behaviours.cloud_recovery",
    "behaviours.extension",
    "behaviours.package",
    "targets.target",
)
_SUITE: Final = "orchestrator_core.testing.targets.suite"
_KIT: Final = pytest.StashKey[Any]()
_PROPERTY: Final = "orchestrator_behaviour"
_PROMISED: Final = "orchestrator_promised"

for _file in _FILES:
    pytest.register_assert_rewrite(f"orchestrator_core.testing.{_file}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the kit can write."""
    group = parser.getgroup("orchestrator", "Orchestrator's conformance kit")
    group.addoption(
        "--conformance-json", metavar="FILE", help="Write what became of each behaviour as JSON."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Under pytest-xdist nothing is collected here: wait for what other processes tell."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Others(config), "orchestrator-others")


@pytest.fixture
def orchestrator_api(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Serve the API with one plugin alone, for tests of your own.

    ``orchestrator_api("cloud", "nimbus", {"region": "x"})`` gives an
    :class:`~orchestrator_core.testing.Api`; the settings are the plugin's own. The cloud is called
    ``cloud``: ``api.get("/nodes/cloud")``. The servers end with the test.
    """
    from orchestrator_core.testing.runner.fixture import servers  # noqa: PLC0415 - only if it is used

    with servers(tmp_path) as serve:
        yield serve


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """See each class of the kit's tests, and load the rest of this plugin at the first one."""
    if isinstance(obj, type) and name.startswith("Test") and _is_suite(obj):
        _kit(collector.config).suites.append((collector, obj))


def _is_suite(cls: type) -> bool:
    return any(base.__module__ == _SUITE for base in cls.__mro__)


def _kit(config: pytest.Config) -> Any:
    """Return the rest of this plugin, which is loaded only where it is used."""
    kit = config.stash.get(_KIT, None)
    if kit is None:
        from orchestrator_core.testing.runner.conformance import Conformance  # noqa: PLC0415

        kit = config.stash[_KIT] = Conformance(config)
        config.pluginmanager.register(kit, "orchestrator-conformance")
    return kit


class _Others:
    """Loads the rest of this plugin when another process tells the first result."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See to it that a result of the kit is taken."""
        if any(name == _PROPERTY for name, _ in report.user_properties):
            self._kit().pytest_runtest_logreport(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """See to it that it is known what another process was to show."""
        if _PROMISED in getattr(node, "workeroutput", {}):
            self._kit().pytest_testnodedown(node)

    def _kit(self) -> Any:
        return _kit(self._config)
