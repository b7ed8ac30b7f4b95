"""Run of a suite for the command line, without a test module of the plugin."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from orchestrator_core.testing.behaviours.behaviour import behaviour_of, behaviours_of
from orchestrator_core.testing.runner.make import suite_of
from orchestrator_core.testing.runner.report import Result
from orchestrator_core.testing.runner.results import Results
from orchestrator_core.testing.targets.subject import Subject
from orchestrator_core.testing.targets.suite import Suite

_NAME: Final = "orchestrator_core.testing.runner.checked"
_MODULE: Final = Path(__file__).with_name("checked.py")
_PLUGIN: Final = "orchestrator_core.pytest_plugin"
_WITHOUT: Final = ["--noconftest", "-p", "no:unraisableexception"]
"""Options that switch off the caller's conftest files and a pytest plugin that collects garbage.

The garbage collection would take as long as some suites.
"""


class _Current:
    """The plugin for which :mod:`orchestrator_core.testing.runner.checked` creates its suite."""

    subject: Subject
    static: bool = False

    def suite(self) -> type[Suite]:
        """Return the suite of the current plugin."""
        return suite_of(self.subject, static=self.static)


current = _Current()


class _Collector:
    """Collector of results, used instead of pytest's own output.

    Args:
        only: The numbers of the behaviours to run beside the gates; all if empty.

    Attributes:
        results: The result of each behaviour.
        failures: The name and the traceback of each failure.
    """

    def __init__(self, only: Collection[str]) -> None:
        self._only = only
        self.results = Results()
        self.failures: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, obj: object) -> list[pytest.Item] | None:
        """Omit the tests of behaviours that are not selected.

        Pytest would need more time to make all the tests than to run a few of them.
        """
        shown = behaviour_of(obj) if self._only else None
        is_omitted = shown is not None and not shown.is_gate and shown.number not in self._only
        return [] if is_omitted else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the result of one test."""
        self.results.take(report)
        if report.failed:
            self.failures.append(f"{report.nodeid.rpartition('::')[2]}\n{report.longreprtext}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Collect an error that prevented the creation of the suite."""
        if report.failed:
            self.failures.append(report.longreprtext)


def run(
    subject: Subject,
    *,
    static: bool = False,
    only: Collection[str] = (),
    tracebacks: bool = True,
) -> tuple[list[Result], list[str]]:
    """Run a plugin's suite; return the results and the texts of the failures.

    Args:
        subject: The plugin.
        static: Whether only its package is checked.
        only: The numbers of the behaviours to run beside the gates; all if empty.
        tracebacks: Whether the texts of the failures show where each one happened. Pytest parses
            every module in a traceback, which takes a sixth of the time of a failing suite.
    """
    collector = _Collector(only)
    current.subject, current.static = subject, static
    sys.modules.pop(_NAME, None)  # or pytest would find the suite of the previous plugin
    with TemporaryDirectory(prefix="orchestrator-check-") as directory, _alone():
        arguments = ["--tb", "short" if tracebacks else "no"]
        arguments += ["-p", "no:cacheprovider", "-p", _PLUGIN, *_WITHOUT]
        arguments += ["-c", os.devnull, "--rootdir", directory, "--import-mode", "importlib"]
        with redirect_stdout(StringIO()):
            pytest.main([*arguments, str(_MODULE)], plugins=[collector])
    numbers = [shown.number for shown in behaviours_of(current.suite()).values()]
    collector.results.promise({subject.label: numbers})
    why = "the behaviour was not selected" if only else "the suite ended before this behaviour"
    found = collector.results.by_plugin(why)
    return found[subject.label], collector.failures


@contextmanager
def _alone() -> Iterator[None]:
    """Disable pytest plugins and options that the environment sets for other tests."""
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        # The other variables stay: the process may need what was set meanwhile.
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
