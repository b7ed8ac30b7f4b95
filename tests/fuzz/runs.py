"""How long a fuzz runs, with which seed, and what it tells at its end.

``FUZZ_SEED`` names another seed, ``FUZZ_INPUTS`` another number of inputs of the long runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHORT = 20_000
"""Inputs above which a run is a long one."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a fuzz.

    Attributes:
        inputs: how many there are.
        seed: with which they are made.
    """

    inputs: int
    seed: int = 14
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, inputs: int) -> Run:
        """Return a run of so many inputs, or what the environment says."""
        if inputs > SHORT:
            inputs = int(os.environ.get("FUZZ_INPUTS", inputs))
        return cls(inputs, int(os.environ.get("FUZZ_SEED", "14")))

    def report(self, figures: Mapping[Any, object]) -> None:
        """Print what came of the run; pytest shows it with ``-s``."""
        seconds = time.monotonic() - self.began
        print(f"\n{self.inputs} inputs of seed {self.seed} in {seconds:.0f} s")  # noqa: T201
        for name, figure in figures.items():
            print(f"  {name}: {figure}")  # noqa: T201
