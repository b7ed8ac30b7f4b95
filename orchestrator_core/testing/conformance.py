"""Watches a run of pytest for the kit: order, refusals, results, and that a suite is whole."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import pytest

from orchestrator_core.testing.behaviour import Behaviour, behaviour_of, behaviours_of
from orchestrator_core.testing.report import PROPERTY, Result, as_json, in_order, verdict
from orchestrator_core.testing.suite import Suite
from orchestrator_core.testing.suite_items import ReadmeTable, Tampered
from orchestrator_core.testing.under_test import DoesNotApply, NotReady, UnderTest

_UNSUPPORTED: Final = pytest.StashKey[str]()


class Conformance:
    """One run.

    Args:
        config: pytest's.

    Attributes:
        suites: the kit's classes that were collected, and where.
        results: what became of each behaviour so far.
        shown: those of them that were shown in this very process.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.suites: list[tuple[pytest.Collector, type[Suite]]] = []
        self.results: list[Result] = []
        self.shown: list[Result] = []
        config.pluginmanager.register(_Refusals(self), "orchestrator-refusals")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put each suite's behaviours in their order, and add what is missing as failures."""
        for collector, suite in self.suites:
            places = [place for place, one in enumerate(items) if _suite_of(one) is suite]
            ordered = sorted((items[place] for place in places), key=_place)
            for place, one in zip(places, ordered, strict=True):
                items[place] = one
            for name, why in _tampered(suite):
                items.append(Tampered.from_parent(collector, name=name, why=why))
            if places and suite.subject.readme is not None:
                table = ReadmeTable.from_parent(collector, name="readme", suite=suite, kit=self)
                items.insert(places[-1] + 1, table)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(
        self, pyfuncitem: pytest.Function
    ) -> Generator[None, bool | None, bool | None]:
        """Let a behaviour that is not asked of this plugin end well, with its reason."""
        try:
            return (yield)
        except DoesNotApply as reason:
            pyfuncitem.stash[_UNSUPPORTED] = str(reason)
            return True

    def show_the_refusal(self, pyfuncitem: pytest.Function) -> bool | None:
        """Show the refusal instead, where a behaviour's hooks are not claimed."""
        shown = _behaviour(pyfuncitem)
        tested = [one for one in pyfuncitem.funcargs.values() if isinstance(one, UnderTest)]
        missing = tested[0].unclaimed(shown.hooks) if shown and tested else None
        if missing is None:
            return None
        hook, reason = missing
        tested[0].refuses(hook)
        raise DoesNotApply(f"{hook}: {reason}")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what became of a behaviour; a skip that is not the kit's is a failure."""
        report = yield
        shown = _behaviour(item)
        if shown is None or (report.when != "call" and report.passed):
            return report
        suite = _suite_of(item)
        assert suite is not None
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, NotReady):
            _skip(report, item, f"not run: {error}")
            result = Result(suite.subject.label, shown.number, "not run", str(error))
        else:
            if report.skipped or hasattr(report, "wasxfail"):
                _refuse_to_skip(report)
            result = _result(suite.subject.label, shown, report, item, error)
        self.shown.append(result)
        report.user_properties.append((PROPERTY, asdict(result)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the results, from other processes too."""
        for name, value in report.user_properties:
            if name == PROPERTY:
                assert isinstance(value, dict)
                self.results.append(Result(**value))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what came out."""
        for plugin, results in self.by_plugin().items():
            terminalreporter.section(f"conformance of {plugin}")
            for one in in_order(results):
                reason = f": {one.reason}" if one.reason else ""
                terminalreporter.write_line(f"{one.number:4} {one.outcome}{reason}")
            terminalreporter.write_line(verdict(results))

    def pytest_sessionfinish(self) -> None:
        """Write the results, if that is wanted."""
        file = self._config.getoption("conformance_json", None)
        if file:
            shown = [as_json(one, plugin=name) for name, one in self.by_plugin().items()]
            Path(file).write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")

    def by_plugin(self) -> dict[str, list[Result]]:
        """Return the results of each plugin, with what was not run of its suites."""
        found: dict[str, list[Result]] = {}
        for one in self.results:
            found.setdefault(one.plugin, []).append(one)
        for _, suite in self.suites:
            label = suite.subject.label
            seen = {one.number for one in found.get(label, ())}
            found.setdefault(label, []).extend(
                Result(label, shown.number, "not run", "it was not selected")
                for shown in behaviours_of(suite).values()
                if shown.number not in seen
            )
        return found


class _Refusals:
    """A plugin of its own: pytest looks for hooks only by their names, and the kit wraps this one.

    Args:
        kit: of the same run.
    """

    def __init__(self, kit: Conformance) -> None:
        self._kit = kit

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Come before the behaviour."""
        return self._kit.show_the_refusal(pyfuncitem)


def _tampered(suite: type[Suite]) -> Iterator[tuple[str, str]]:
    for name, shown in behaviours_of(suite).items():
        if behaviour_of(getattr(suite, name, None)) is not shown:
            yield shown.number, f"{shown.number} ({name}) is overridden in {suite.__name__}"


def _behaviour(item: pytest.Item) -> Behaviour | None:
    return behaviour_of(getattr(item, "function", None))


def _suite_of(item: pytest.Item) -> type[Suite] | None:
    cls = getattr(item, "cls", None)
    return cls if isinstance(cls, type) and issubclass(cls, Suite) else None


def _place(item: pytest.Item) -> tuple[str, int]:
    shown = _behaviour(item)
    return ("Z", 0) if shown is None else shown.place


def _result(
    plugin: str,
    shown: Behaviour,
    report: pytest.TestReport,
    item: pytest.Item,
    error: BaseException | None,
) -> Result:
    if report.failed:
        said = str(error).strip() or type(error).__name__
        if not isinstance(error, AssertionError | pytest.fail.Exception):
            said = f"{type(error).__name__}: {said}"
        return Result(plugin, shown.number, "fail", said.partition("\n")[0])
    if _UNSUPPORTED in item.stash:
        return Result(plugin, shown.number, "unsupported", item.stash[_UNSUPPORTED])
    return Result(plugin, shown.number, "pass")


def _refuse_to_skip(report: pytest.TestReport) -> None:
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    report.outcome = "failed"
    report.longrepr = (
        "A behaviour of the conformance kit can be neither skipped nor expected to fail"
    )


def _skip(report: pytest.TestReport, item: pytest.Item, why: str) -> None:
    report.outcome = "skipped"
    report.longrepr = (str(item.path), 0, why)
