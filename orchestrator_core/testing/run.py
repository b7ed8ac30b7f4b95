"""Runs a suite without a test module of anybody's, for the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from orchestrator_core.testing.behaviour import behaviours_of
from orchestrator_core.testing.make import suite_of
from orchestrator_core.testing.report import PROPERTY, Result, in_order
from orchestrator_core.testing.subject import Subject
from orchestrator_core.testing.suite import Suite

_MODULE: Final = Path(__file__).with_name("checked.py")
_PLUGIN: Final = "orchestrator_core.pytest_plugin"


class _Current:
    """What :mod:`orchestrator_core.testing.checked` makes its suite for."""

    subject: Subject
    static: bool = False

    def suite(self) -> type[Suite]:
        """Return the suite."""
        return suite_of(self.subject, static=self.static)


current = _Current()


class _Collector:
    """Takes the place of pytest's own output.

    Attributes:
        results: what became of each behaviour.
        failures: the whole story of each that failed.
    """

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.failures: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect one result."""
        shown = [value for name, value in report.user_properties if name == PROPERTY]
        self.results += [Result(**value) for value in shown if isinstance(value, dict)]
        if report.failed:
            self.failures.append(f"{report.nodeid.rpartition('::')[2]}\n{report.longreprtext}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Collect what kept the suite from being made."""
        if report.failed:
            self.failures.append(report.longreprtext)


def run(subject: Subject, *, static: bool = False) -> tuple[list[Result], list[str]]:
    """Run a plugin's whole suite; return what became of each behaviour, and what failures tell.

    Args:
        subject: the plugin.
        static: whether only its package is looked at.
    """
    collector = _Collector()
    current.subject, current.static = subject, static
    with TemporaryDirectory(prefix="orchestrator-check-") as directory, _alone():
        arguments = ["--tb", "short", "-p", "no:cacheprovider", "-p", _PLUGIN]
        arguments += ["-c", os.devnull, "--rootdir", directory, "--import-mode", "importlib"]
        with redirect_stdout(StringIO()):
            pytest.main([*arguments, str(_MODULE)], plugins=[collector])
    seen = {one.number for one in collector.results}
    missing = [
        Result(subject.label, shown.number, "not run", "the suite ended before it")
        for shown in behaviours_of(current.suite()).values()
        if shown.number not in seen
    ]
    return in_order([*collector.results, *missing]), collector.failures


@contextmanager
def _alone() -> Iterator[None]:
    """Keep plugins of pytest and options out that are meant for somebody's own tests."""
    before = dict(os.environ)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for variable in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(variable, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
