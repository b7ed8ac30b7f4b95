"""What became of each behaviour, and how that is shown."""

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
"""Under which a test's report carries its result."""

BEGIN: Final = "<!-- conformance -->"
END: Final = "<!-- end of conformance -->"
"""Between these a README has its table."""

KIT_VERSION: Final = 1
"""Goes up when behaviours are added: a plugin's old table says then what it was held to."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one behaviour of one plugin.

    Attributes:
        plugin: ``cloud nimbus`` say.
        number: of the behaviour.
        outcome: ``unsupported`` is no fault: the plugin does not claim it, and its refusal was
            shown; ``not run`` is one, since something else kept it from being shown.
        reason: why it is not ``pass``.
    """

    plugin: str
    number: str
    outcome: Outcome
    reason: str = ""

    @property
    def good(self) -> bool:
        """Whether a plugin may be released with it."""
        return self.outcome in ("pass", "unsupported")


def in_order(results: Iterable[Result]) -> list[Result]:
    """Return results as the pages have them."""
    return sorted(results, key=lambda one: (one.plugin, BEHAVIOURS[one.number].place))


def summary(results: Sequence[Result]) -> str:
    """Say in one line what came out."""
    counts = {
        outcome: [one.outcome for one in results].count(outcome)
        for outcome in ("pass", "unsupported", "fail", "not run")
    }
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"Conformance kit {KIT_VERSION}: {said or 'nothing was shown'}"


def conforms(results: Sequence[Result]) -> bool:
    """Whether a plugin may be released with these results."""
    return bool(results) and all(one.good for one in results)


def show(results: Sequence[Result]) -> None:
    """Print a table."""
    table = Table("", "Behaviour", "Outcome")
    for one in in_order(results):
        reason = f": {one.reason}" if one.reason else ""
        told = escape(f"{one.outcome}{reason}")  # brackets would be taken for colours
        table.add_row(one.number, BEHAVIOURS[one.number].title, told)
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(summary(results))


def as_markdown(results: Sequence[Result]) -> str:
    """Return a table for a README: the same for the same outcome."""
    lines = [summary(results), "", "| | behaviour | outcome |", "| --- | --- | --- |"]
    for one in in_order(results):
        outcome = one.outcome if one.outcome == "pass" else f"{one.outcome}: {one.reason}"
        lines.append(f"| {one.number} | {BEHAVIOURS[one.number].title} | {_cell(outcome)} |")
    return "\n".join(lines) + "\n"


def written_into(text: str, results: Sequence[Result]) -> str:
    """Return a README with the table of these results between its two marks.

    Raises:
        ValueError: when the marks are not there.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the README needs a line {BEGIN} and, below it, a line {END}")
    return f"{before}{begin}\n\n{as_markdown(results)}\n{end}{after}"


def as_json(results: Sequence[Result], **about: Any) -> dict[str, Any]:
    """Return the same for programs.

    Args:
        results: of one plugin.
        about: what else is known: versions, say.
    """
    shown = [{**asdict(one), "title": BEHAVIOURS[one.number].title} for one in in_order(results)]
    for one in shown:
        del one["plugin"]
    return {"kit": KIT_VERSION, **about, "conforms": conforms(results), "behaviours": shown}


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
