"""The wrong plugins, each with the behaviour that it breaks and its side effects.

``make soak`` runs every wrong plugin through its whole suite. ``make test`` takes one for each
behaviour and runs that behaviour alone, but for some of which the whole table is compared: those
with short suites (extensions, packages, plugins that cannot be made), and those that need others
before them, because the behaviour looks back at all others or shows only after them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from orchestrator_core.testing import BEHAVIOURS, Kind, Subject
from orchestrator_core.testing.behaviours.behaviour import behaviours_of
from orchestrator_core.testing.runner.make import suite_of
from orchestrator_core.testing.runner.report import Result
from orchestrator_core.testing.runner.run import run
from tests.testing.install import installed

_WHOLE = {"C1", "A1", "A12"}
"""Wrong plugins of these behaviours run the whole suite in ``make test`` too.

The suites of C1 and A1 end at once; the fault of A12 shows only after other behaviours.
"""

_MODULES = {
    Kind.CLOUD: (
        "wrong_reads",
        "wrong_ids",
        "wrong_connections",
        "wrong_changes",
        "wrong_power",
        "wrong_actions",
        "wrong_recovery",
        "wrong_start_fields",
    ),
    Kind.ASSIGNMENT: ("wrong_backend",),
    Kind.EXTENSION: (
        "wrong_extension",
        "wrong_package",
        "wrong_thread",
        "wrong_network",
        "wrong_import",
    ),
}


_UNSEEN = (*(f"C{number}" for number in range(60, 74)), "C76")
"""Behaviours for which the kit sees what a fake has received, which a real cloud does not show."""


@dataclass(frozen=True)
class Plugin:
    """One test plugin.

    Attributes:
        breaks: the number of the behaviour that it breaks; empty for good plugins.
        says: a part of that result's reason.
        instead: other results that are not ``pass``, by number.
        package: differences in its metadata.
        called: its entry point's name, if it differs from the class's.
        twin: whether a second package contains it too.
        live: whether it is run as a real cloud.
        slow: whether the suite needs more than ten seconds to find the fault.
    """

    kind: Kind
    entry: str
    breaks: str = ""
    says: str = ""
    instead: dict[str, str] = field(default_factory=dict)
    package: dict[str, str] = field(default_factory=dict)
    called: str = ""
    twin: bool = False
    live: bool = False
    slow: bool = False

    def __str__(self) -> str:
        return f"{self.breaks or 'good'}-{self.entry.partition(':')[2]}"

    @property
    def name(self) -> str:
        return self.called or self.entry.partition(":")[2].lower()

    @property
    def is_whole(self) -> bool:
        """Return whether its whole suite is run in ``make test``."""
        is_short = self.kind is Kind.EXTENSION or self.breaks in _WHOLE
        return is_short or BEHAVIOURS[self.breaks].is_last

    @property
    def subject(self) -> Subject:
        return Subject(self.kind, self.name, live=self.live)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Install it, and a twin of it if it has one, until the block ends."""
        with ExitStack() as stack:
            for twin in ("", "-twin")[: 1 + self.twin]:
                distribution = f"tests-{self.name.replace(' ', '-').lower()}{twin}"
                told = {"Name": distribution, **self.package}
                stack.enter_context(installed(self.kind, self.name, self.entry, **told))
            yield

    def expected(self) -> dict[str, str]:
        """Return the expected results, by number."""
        promised = behaviours_of(suite_of(self.subject)).values()
        table = {shown.number: "pass" for shown in sorted(promised, key=lambda one: one.turn)}
        # Ids that are nearly right might be those of other people's nodes; C80 and C85 cost money.
        if self.live:
            hypothetical = ("C15", "C31", "C34", "C47", "C80", "C85", "C89", *_UNSEEN)
            table |= dict.fromkeys(hypothetical, "unsupported")
        table |= self.instead
        if self.breaks:
            table[self.breaks] = "fail"
            if BEHAVIOURS[self.breaks].is_gate:
                later = list(table)[list(table).index(self.breaks) + 1 :]
                table |= dict.fromkeys(later, "not run")
        return table

    def reason(self, results: list[Result]) -> str:
        """Return the reason of the behaviour that it breaks."""
        return next(one.reason for one in results if one.number == self.breaks)


def wrong(kind: Kind | None = None) -> list[Plugin]:
    """Return all wrong plugins, or those of one kind, in the order of what they break."""
    found = [
        _plugin(its, module, name, cls)
        for its, modules in _MODULES.items()
        for module in map(import_module, modules if kind in (its, None) else ())
        for name, cls in vars(module).items()
        if isinstance(cls, type) and cls.__module__ == module.__name__ and "breaks" in vars(cls)
    ]
    return sorted(found, key=lambda one: BEHAVIOURS[one.breaks].place)


def first(kind: Kind, *, whole: bool) -> list[Plugin]:
    """Return one wrong plugin for each behaviour.

    Args:
        kind: the plugins' kind.
        whole: those whose whole suite is run in ``make test``, or the others.
    """
    firsts = {plugin.breaks: plugin for plugin in reversed(wrong(kind))}
    return [plugin for plugin in reversed(firsts.values()) if plugin.is_whole is whole]


def good(kind: Kind) -> list[Plugin]:
    """Return the good plugins."""
    ledger = Plugin(
        Kind.ASSIGNMENT, "good_backend:GoodLedgerBackend", instead={"A17": "unsupported"}
    )
    return {
        Kind.CLOUD: [Plugin(Kind.CLOUD, "good_cloud:GoodCloud")],
        Kind.ASSIGNMENT: [Plugin(Kind.ASSIGNMENT, "good_backend:GoodBackend"), ledger],
        Kind.EXTENSION: [Plugin(Kind.EXTENSION, "good_extension:GoodExtension")],
    }[kind]


def holds(plugin: Plugin) -> None:
    """Compare the results of the whole suite with the expected ones."""
    with plugin.installed():
        results, failures = run(plugin.subject, tracebacks=False)
    assert {one.number: one.outcome for one in results} == plugin.expected(), failures
    assert not plugin.breaks or plugin.says in plugin.reason(results)


def fails(plugin: Plugin) -> None:
    """Compare the result of the behaviour that it breaks with the expected one."""
    with plugin.installed():
        results, failures = run(plugin.subject, only={plugin.breaks}, tracebacks=False)
    shown = {one.number: one.outcome for one in results if one.outcome != "not run"}
    gates = {number: "pass" for number in plugin.expected() if BEHAVIOURS[number].is_gate}
    assert shown == {**gates, plugin.breaks: "fail"}, failures
    assert plugin.says in plugin.reason(results)


def _plugin(kind: Kind, module: ModuleType, name: str, cls: Any) -> Plugin:
    more = ("breaks", "says", "instead", "package", "called", "twin", "live", "slow")
    told = {key: getattr(cls, key) for key in more if hasattr(cls, key)}
    return Plugin(kind, f"{module.__name__}:{name}", **told)
