"""The kit's part in a run of pytest: order, refusals, results, and missing behaviours."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator_core.testing.behaviours.behaviour import Behaviour, behaviour_of, behaviours_of
from orchestrator_core.testing.runner.report import PROPERTY, Outcome, Result, as_json, summary
from orchestrator_core.testing.runner.results import Results
from orchestrator_core.testing.runner.suite_items import ReadmeTable, Tampered
from orchestrator_core.testing.targets.suite import Suite
from orchestrator_core.testing.targets.target import DoesNotApply, NotReady, UnderTest

PROMISED: Final = "orchestrator_promised"
"""The key under which a process of pytest-xdist reports the behaviours that it was to check."""

_NEITHER: Final = "a behaviour of the conformance kit can be neither skipped nor expected to fail"


class Conformance:
    """The kit's part in one run of pytest.

    Args:
        config: The configuration of pytest.

    Attributes:
        suites: The kit's classes that were collected, each with its collector.
        results: The results so far, those of other processes included.
        shown: The results of this process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._closed: dict[type[Suite], str] = {}
        self.suites: list[tuple[pytest.Collector, type[Suite]]] = []
        self.results = Results()
        self.shown: list[Result] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort each suite's behaviours, and add a failure for each missing one."""
        for collector, suite in self.suites:
            places = [place for place, one in enumerate(items) if _suite_of(one) is suite]
            ordered = sorted((items[place] for place in places), key=_turn)
            for place, one in zip(places, ordered, strict=True):
                items[place] = one
            for name, why in _tampered(suite):
                items.append(Tampered.from_parent(collector, name=name, why=why))
            if places and suite.subject.readme is not None:
                table = ReadmeTable.from_parent(collector, name="readme", suite=suite, kit=self)
                items.insert(places[-1] + 1, table)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        """Check the documented refusal instead if the plugin lacks a hook of the behaviour.

        Raises:
            DoesNotApply: The plugin lacks a hook, and refuses it as documented.
            NotReady: A gate has failed, or one of the hooks has blocked before.
        """
        shown, suite = _behaviour(pyfuncitem), _suite_of(pyfuncitem)
        if shown is None or suite is None:
            return
        if suite in self._closed:
            raise NotReady(f"{self._closed[suite]} failed")
        for tested in pyfuncitem.funcargs.values():
            if not isinstance(tested, UnderTest):
                continue
            if missing := tested.unclaimed(shown.hooks):
                hook, reason = missing
                tested.refuses(hook)
                raise DoesNotApply(f"{hook}: {reason}")
            if shown.hooks:
                tested.must_answer(*shown.hooks)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Record the result of a behaviour; a skip that does not come from the kit is a failure."""
        report = yield
        shown = _behaviour(item)
        if shown is None or (report.when != "call" and report.passed):
            return report
        suite = _suite_of(item)
        assert suite is not None
        error = call.excinfo.value if call.excinfo is not None else None
        outcome, reason = _judged(report, item, error)
        result = Result(suite.subject.label, shown.number, outcome, reason)
        if shown.is_gate and result.outcome == "fail":
            self._closed[suite] = shown.number
        self.shown.append(result)
        report.user_properties.append((PROPERTY, asdict(result)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the results, those of other processes included."""
        self.results.take(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Record which behaviours a process of pytest-xdist was to check."""
        self.results.promise(getattr(node, "workeroutput", {}).get(PROMISED, {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the results of each plugin."""
        if self._config.option.collectonly:
            return
        for plugin, results in self.by_plugin().items():
            terminalreporter.section(f"conformance of {plugin}")
            for one in results:
                reason = f": {one.reason}" if one.reason else ""
                terminalreporter.write_line(f"{one.number:4} {one.outcome}{reason}")
            terminalreporter.write_line(summary(results))

    def pytest_sessionfinish(self) -> None:
        """Write the results if requested; a process of pytest-xdist hands over its part instead."""
        elsewhere: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if elsewhere is not None:
            elsewhere[PROMISED] = self._promises()
            return
        file = self._config.getoption("conformance_json", None)
        if file and not self._config.option.collectonly:
            shown = [as_json(one, plugin=name) for name, one in self.by_plugin().items()]
            Path(file).write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")

    def by_plugin(self) -> dict[str, list[Result]]:
        """Return the results of each plugin, behaviours that were not run included."""
        self.results.promise(self._promises())
        return self.results.by_plugin("the behaviour was not selected")

    def _promises(self) -> dict[str, list[str]]:
        promises: dict[str, list[str]] = {}
        for _, suite in self.suites:
            numbers = [shown.number for shown in behaviours_of(suite).values()]
            promises.setdefault(suite.subject.label, []).extend(numbers)
        return promises


def _tampered(suite: type[Suite]) -> Iterator[tuple[str, str]]:
    for name, shown in behaviours_of(suite).items():
        if behaviour_of(getattr(suite, name, None)) is not shown:
            yield shown.number, f"{shown.number} ({name}) is overridden in {suite.__name__}"


def _behaviour(item: pytest.Item) -> Behaviour | None:
    return behaviour_of(getattr(item, "function", None))


def _suite_of(item: pytest.Item) -> type[Suite] | None:
    cls = getattr(item, "cls", None)
    return cls if isinstance(cls, type) and issubclass(cls, Suite) else None


def _turn(item: pytest.Item) -> tuple[str, bool, int]:
    shown = _behaviour(item)
    return ("Z", True, 0) if shown is None else shown.turn


def _judged(
    report: pytest.TestReport, item: pytest.Item, error: BaseException | None
) -> tuple[Outcome, str]:
    """Return the outcome of a behaviour and its reason; change pytest's report to match."""
    if report.skipped or hasattr(report, "wasxfail"):
        report.__dict__.pop("wasxfail", None)
        report.outcome, report.longrepr = "failed", _NEITHER
        return "fail", _NEITHER
    if isinstance(error, NotReady):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"not run: {error}")
        return "not run", str(error)
    if isinstance(error, DoesNotApply):
        report.outcome, report.longrepr = "passed", None
        return "unsupported", str(error)
    if report.failed:
        return "fail", _said(report, error)
    return "pass", ""


def _said(report: pytest.TestReport, error: BaseException | None) -> str:
    if error is None:
        return report.longreprtext.partition("\n")[0]
    said = str(error).strip() or type(error).__name__
    if not isinstance(error, AssertionError | pytest.fail.Exception):
        said = f"{type(error).__name__}: {said}"
    return said.partition("\n")[0]
