"""Pins the lowest versions that our packages allow: ``python requirements/lowest.py UV OUTPUT``.

What our packages name themselves gets the lowest version of its range, and what those bring gets
the newest that fits (``uv pip compile --resolution lowest-direct``; pip cannot resolve this way).
Tools keep the versions of ``constraints.txt``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from lock import CONSTRAINTS, requirements

_NAME: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==")


def _name(pin: str) -> str:
    found = _NAME.match(pin)
    return re.sub(r"[-_.]+", "-", found.group(1)).lower() if found else ""


def main(uv: str, output: Path) -> None:
    """Write the file."""
    options = ("--resolution", "lowest-direct", "--no-header", "--no-annotate", "--quiet")
    command = [uv, "pip", "compile", *options, "--python", sys.executable, "-"]
    wanted = "\n".join(requirements())
    made = subprocess.run(  # noqa: S603 - the tool that the make target names
        command, input=wanted, capture_output=True, text=True, check=False
    )
    if made.returncode:
        sys.exit(made.stderr)
    lowest = [line for line in made.stdout.splitlines() if _name(line)]
    known = {_name(line) for line in lowest}
    others = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    kept = [line for line in others if _name(line) not in known]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join((*lowest, *kept, "")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
