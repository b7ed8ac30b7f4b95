"""Selectors over tags, in the syntax of Kubernetes and Hetzner Cloud."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator_core.api.v2.problems import InvalidQuery

EXAMPLE: Final = "env=prod,tier in (web,db),!legacy"

_KEY: Final = r"[^\s,=!()]+"
# No part can match the same characters as its neighbour, so that the time is linear.
_REQUIREMENT: Final = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>{_KEY})\s*
        | (?P<key>{_KEY})(?:
            \s*(?P<operator>==|!=|=)(?P<value>[^,()]*)
            | \s+(?P<word>in|notin)\s*\((?P<values>[^()]+)\)\s*
            | \s*
        )
    )(?P<end>,|\Z)""",
    re.VERBOSE,
)
_NEGATIVE: Final = ("!=", "notin")
_SHOWN: Final = 32


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a selector.

    Attributes:
        key: the key of the tag.
        values: the values of which it has one; None for any value.
        is_negated: whether the tag must be absent, or have none of the values.
    """

    key: str
    values: frozenset[str] | None = None
    is_negated: bool = False

    def fits(self, tags: Mapping[str, str]) -> bool:
        """Return whether tags meet the requirement; ``!=`` also fits a missing tag."""
        has = self.key in tags and (self.values is None or tags[self.key] in self.values)
        return has is not self.is_negated


def read_selector(text: str) -> tuple[Requirement, ...]:
    """Return the requirements of a selector, all of which must be met.

    Raises:
        InvalidQuery: when it is malformed.

    Source: Kubernetes, "Labels and Selectors"; Hetzner Cloud API, "Label Selector".
    """
    return tuple(_requirements(text))


def _requirements(text: str) -> Iterator[Requirement]:
    at = 0
    while True:
        found = _REQUIREMENT.match(text, at)
        if found is None:
            where = text[at : at + _SHOWN]
            why = f"must be requirements such as {EXAMPLE!r}; cannot be read from {where!r} on"
            raise InvalidQuery("label_selector", why)
        yield _requirement(found)
        at = found.end()
        if not found["end"]:
            return


def _requirement(found: re.Match[str]) -> Requirement:
    if found["absent"] is not None:
        return Requirement(found["absent"], is_negated=True)
    operator = found["operator"] or found["word"]
    if operator is None:
        return Requirement(found["key"])
    values = [found["value"]] if found["values"] is None else found["values"].split(",")
    given = frozenset(value.strip() for value in values)
    return Requirement(found["key"], given, operator in _NEGATIVE)
