"""Findings of the doctor, and the examinations that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from orchestrator_core.redaction import redact

if TYPE_CHECKING:
    from orchestrator_core.cli.doctor.subject import Subject


_SHOWN: Final = 6
"""The most names in a sentence."""


class Level(Enum):
    """The importance of a finding."""

    PROBLEM = "problem"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an operator should change.

    Attributes:
        name: the kind of the finding, for programs.
        level: its importance.
        detail: what is wrong, in one sentence.
        effect: what that means, in one sentence.
        remedy: the command or the settings line to use.
    """

    name: str
    level: Level
    detail: str
    effect: str
    remedy: str

    def report(self, examination: str) -> dict[str, str]:
        """Return the finding as JSON, without secrets.

        Args:
            examination: the name of the examination that made it.
        """
        return {
            "examination": examination,
            "name": self.name,
            "level": self.level.value,
            "detail": _shown(self.detail),
            "effect": _shown(self.effect),
            "remedy": _shown(self.remedy),
        }


def _shown(text: str) -> str:
    """Return a text without secrets, and without characters that a terminal would obey.

    Parts of it come from clouds and from the records of other users' servers.
    """
    return redact("".join(one if one.isprintable() else "?" for one in text))


def problem(name: str, detail: str, effect: str, remedy: str) -> Finding:
    """Return a finding that makes the exit status 1."""
    return Finding(name, Level.PROBLEM, detail, effect, remedy)


def warning(name: str, detail: str, effect: str, remedy: str) -> Finding:
    """Return a finding that leaves the exit status at 0."""
    return Finding(name, Level.WARNING, detail, effect, remedy)


@dataclass(frozen=True, slots=True)
class Examination:
    """One family of checks.

    Attributes:
        name: the name to select it by.
        about: what it looks at, for ``--list``.
        examine: the function that makes the findings. It changes nothing.
    """

    name: str
    about: str
    examine: Callable[[Subject], Iterable[Finding]]


def number(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 row``, ``2 rows``."""
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"


def capitalized(text: str) -> str:
    """Return a text that begins a sentence."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """Return names for a sentence, only the first ones of many."""
    more = f"{separator}and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return separator.join(names[:_SHOWN]) + more


def duration(seconds: float) -> str:
    """Return a duration in words, in the largest unit that fits: ``3 hours``."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return number(int(seconds // length), unit)
    return number(max(0, round(seconds)), "second")


def size(count: float) -> str:
    """Return a number of bytes in words: ``12.5 MiB``."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004 - the step between two units
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
