"""``python -m benchmarks``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import version_1


def main() -> None:
    """Measure, print a line for each ratio, and fail if one misses its limit."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed: apt-get install wrk")
    with tempfile.TemporaryDirectory() as directory:
        ratios = version_1.measure(Path(directory))
    for ratio in ratios:
        print(ratio.line())
    sys.exit(not all(ratio.kept for ratio in ratios))


main()
