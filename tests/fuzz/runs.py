"""Length, seed and report of a fuzz run.

``FUZZ_SEED`` sets the seed, and ``FUZZ_INPUTS`` the number of inputs of the long runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHORT = 20_000
"""The number of inputs above which a run counts as long."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a fuzz.

    Attributes:
        inputs: the number of inputs.
        seed: the seed of the inputs.
    """

    inputs: int
    seed: int = 14
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, inputs: int) -> Run:
        """Return a run of this many inputs, or of the number in the environment."""
        if inputs > SHORT:
            inputs = int(os.environ.get("FUZZ_INPUTS", inputs))
        return cls(inputs, int(os.environ.get("FUZZ_SEED", "14")))

    def report(self, figures: Mapping[Any, object]) -> None:
        """Print the result of the run; pytest shows it with ``-s``."""
        seconds = time.monotonic() - self.began
        print(f"\n{self.inputs} inputs of seed {self.seed} in {seconds:.0f} s")  # noqa: T201
        for name, figure in figures.items():
            print(f"  {name}: {figure}")  # noqa: T201
