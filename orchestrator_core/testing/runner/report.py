"""The result of each behaviour, and the reports of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator_core.testing.behaviours.behaviour import BEHAVIOURS

Outcome = Literal["pass", "unsupported", "fail", "not run"]

PROPERTY: Final = "orchestrator_behaviour"
"""The name of the property of a test's report that has the result."""

BEGIN: Final = "<!-- conformance -->"
END: Final = "<!-- end of conformance -->"
"""The marks around the table in a README."""

KIT_VERSION: Final = 1
"""The version of the kit, raised when behaviours are added. A plugin's old table names it."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one behaviour of one plugin.

    Attributes:
        plugin: The kind and name of the plugin, for example ``cloud nimbus``.
        number: The number of the behaviour.
        outcome: The outcome. ``unsupported`` is acceptable for a release: the plugin refuses the
            operation as documented. ``not run`` is not: the behaviour was not checked.
        reason: The reason for any outcome other than ``pass``.
    """

    plugin: str
    number: str
    outcome: Outcome
    reason: str = ""

    @property
    def good(self) -> bool:
        """Whether a plugin may be released with this result."""
        return self.outcome in ("pass", "unsupported")


def in_order(results: Iterable[Result]) -> list[Result]:
    """Return results in the order of the page of behaviours."""
    return sorted(results, key=lambda one: (one.plugin, BEHAVIOURS[one.number].place))


def summary(results: Sequence[Result]) -> str:
    """Return one line with the number of results of each outcome."""
    counts = {
        outcome: [one.outcome for one in results].count(outcome)
        for outcome in ("pass", "unsupported", "fail", "not run")
    }
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"Conformance kit {KIT_VERSION}: {said or 'no behaviour was checked'}"


def conforms(results: Sequence[Result]) -> bool:
    """Return whether a plugin may be released with these results."""
    return bool(results) and all(one.good for one in results)


def show(results: Sequence[Result]) -> None:
    """Print results as a table."""
    table = Table("", "Behaviour", "Outcome")
    for one in in_order(results):
        reason = f": {one.reason}" if one.reason else ""
        outcome = escape(f"{one.outcome}{reason}")  # rich would read brackets as colours
        table.add_row(one.number, BEHAVIOURS[one.number].title, outcome)
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(summary(results))


def as_markdown(results: Sequence[Result]) -> str:
    """Return a table for a README; the same results give the same text."""
    lines = [summary(results), "", "| | behaviour | outcome |", "| --- | --- | --- |"]
    for one in in_order(results):
        outcome = one.outcome if one.outcome == "pass" else f"{one.outcome}: {one.reason}"
        lines.append(f"| {one.number} | {BEHAVIOURS[one.number].title} | {_cell(outcome)} |")
    return "\n".join(lines) + "\n"


def written_into(text: str, results: Sequence[Result]) -> str:
    """Return a README with the table of these results between its two marks.

    Raises:
        ValueError: The README lacks a mark.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the README needs a line {BEGIN} and, below it, a line {END}")
    return f"{before}{begin}\n\n{as_markdown(results)}\n{end}{after}"


def as_json(results: Sequence[Result], **about: Any) -> dict[str, Any]:
    """Return results as data for programs.

    Args:
        results: The results of one plugin.
        about: Further keys, for example versions.
    """
    shown = [{**asdict(one), "title": BEHAVIOURS[one.number].title} for one in in_order(results)]
    for one in shown:
        del one["plugin"]
    return {"kit": KIT_VERSION, **about, "conforms": conforms(results), "behaviours": shown}


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
