"""The pytest plugin of the conformance kit: entry point ``orchestrator`` in ``pytest11``.

It is loaded wherever the core is installed, and does nothing until a test of the kit is collected.
Switch it off with ``-p no:orchestrator``.

It ensures that nothing passes silently. A behaviour whose hooks are not claimed is replaced by its
documented refusal. A behaviour that is skipped or marked as an expected failure fails. A behaviour
that a class overrides or deletes is reported as a separate failure.
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
    """Add the option for the kit's report."""
    group = parser.getgroup("orchestrator", "Orchestrator's conformance kit")
    group.addoption(
        "--conformance-json", metavar="FILE", help="Write the result of each behaviour as JSON."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare for results of other processes: the main process of pytest-xdist runs no test."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Others(config), "orchestrator-others")


@pytest.fixture
def orchestrator_api(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Serve the API with only one plugin, for your own tests.

    ``orchestrator_api("cloud", "nimbus", {"region": "x"})`` returns an
    :class:`~orchestrator_core.testing.Api`. The settings are the plugin's own. The cloud's name is
    ``cloud``: ``api.get("/nodes/cloud")``. The servers end with the test.
    """
    from orchestrator_core.testing.runner.fixture import servers  # noqa: PLC0415 - only if it is used

    with servers(tmp_path) as serve:
        yield serve


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Collect each class of the kit's tests; load the rest of this plugin at the first one."""
    if isinstance(obj, type) and name.startswith("Test") and _is_suite(obj):
        _kit(collector.config).suites.append((collector, obj))


def _is_suite(cls: type) -> bool:
    return any(base.__module__ == _SUITE for base in cls.__mro__)


def _kit(config: pytest.Config) -> Any:
    """Return the rest of this plugin, which is loaded only if it is used."""
    kit = config.stash.get(_KIT, None)
    if kit is None:
        from orchestrator_core.testing.runner.conformance import Conformance  # noqa: PLC0415

        kit = config.stash[_KIT] = Conformance(config)
        config.pluginmanager.register(kit, "orchestrator-conformance")
    return kit


class _Others:
    """A loader of the rest of this plugin, for the first result from another process."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pass a result of the kit on."""
        if any(name == _PROPERTY for name, _ in report.user_properties):
            self._kit().pytest_runtest_logreport(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Pass on the behaviours that another process has to check."""
        if _PROMISED in getattr(node, "workeroutput", {}):
            self._kit().pytest_testnodedown(node)

    def _kit(self) -> Any:
        return _kit(self._config)
