"""Collection of the results of several classes and several processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import pytest

from orchestrator_core.testing.runner.report import PROPERTY, Result, in_order

_WORSE: Final = ("pass", "unsupported", "not run", "fail")


class Results:
    """The results so far.

    A behaviour with several results has the worst of them: several classes may check it, and it
    may fail once more in the teardown of its class.
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Result]] = {}
        self._promised: dict[str, set[str]] = {}

    def take(self, report: pytest.TestReport) -> None:
        """Add the result in a test's report, if the test belongs to the kit."""
        for name, value in report.user_properties:
            if name == PROPERTY:
                assert isinstance(value, dict)
                self.add(Result(**value))

    def add(self, result: Result) -> None:
        """Add one result."""
        of_plugin = self._found.setdefault(result.plugin, {})
        before = of_plugin.get(result.number, result)
        of_plugin[result.number] = max(before, result, key=lambda one: _WORSE.index(one.outcome))

    def promise(self, promises: Mapping[str, Iterable[str]]) -> None:
        """Record which behaviours of each plugin are to be checked, by their numbers."""
        for plugin, numbers in promises.items():
            self._promised.setdefault(plugin, set()).update(numbers)

    def by_plugin(self, why: str) -> dict[str, list[Result]]:
        """Return the results of each plugin in their order.

        Args:
            why: The reason for ``not run``, for a behaviour without a result.
        """
        found = {}
        for plugin in [*self._promised, *(self._found.keys() - self._promised.keys())]:
            known = self._found.get(plugin, {})
            missing = self._promised.get(plugin, set()) - known.keys()
            not_run = [Result(plugin, number, "not run", why) for number in missing]
            found[plugin] = in_order([*known.values(), *not_run])
        return found
