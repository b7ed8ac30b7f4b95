"""The benchmark command: ``python -m benchmarks [NAME...]``, for example ``sharing lag``."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from pathlib import Path

SUBJECTS = (
    *("version_1", "isolation", "neighbour", "sharing", "libcloud_nodes", "shaping", "lag"),
    *("state", "many_clouds", "starts_with_fields", "version_2", "observability"),
)


def main() -> None:
    """Measure, print a line for each ratio, and exit with an error if a ratio misses its limit."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed: apt-get install wrk")
    subjects = sys.argv[1:] or SUBJECTS
    for subject in subjects:
        if subject not in SUBJECTS:
            sys.exit(f"there is no {subject}; there are: {', '.join(SUBJECTS)}")
    kept = True
    for subject in subjects:
        with tempfile.TemporaryDirectory() as directory:
            module = importlib.import_module(f"benchmarks.{subject}")
            for ratio in module.measure(Path(directory)):
                print(ratio.line(), flush=True)
                kept = kept and ratio.kept
    sys.exit(not kept)


main()
