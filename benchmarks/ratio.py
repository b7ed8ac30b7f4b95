"""The ratio of two measurements, and the limit that it must keep."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of our measurement to the peer's, pair by pair.

    Attributes:
        pairs: ``(ours, theirs)``, measured one after the other.
        at_least: the lowest median allowed, if more is better.
        at_most: the highest median allowed, if less is better.
    """

    name: str
    pairs: list[tuple[float, float]]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        """Return the median of the pairs' ratios."""
        return statistics.median(ours / theirs for ours, theirs in self.pairs)

    @property
    def kept(self) -> bool:
        """Return whether the median keeps the limit."""
        low = self.at_least is None or self.median >= self.at_least
        return low and (self.at_most is None or self.median <= self.at_most)

    def line(self) -> str:
        """Return the ratio, its spread, both medians and the limit on one line."""
        ratios = sorted(ours / theirs for ours, theirs in self.pairs)
        ours = statistics.median(pair[0] for pair in self.pairs)
        theirs = statistics.median(pair[1] for pair in self.pairs)
        limit = f">= {self.at_least}" if self.at_least is not None else f"<= {self.at_most}"
        if self.at_least is None and self.at_most is None:
            limit = "no limit"
        return (
            f"{'ok  ' if self.kept else 'MISS'}  {self.median:6.2f} ({limit}; pairs "
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}; {ours:,.2f} to {theirs:,.2f})  {self.name}"
        )
