"""Pins the lowest versions that our packages allow: ``python requirements/lowest.py UV OUTPUT``.

What our packages name themselves gets the lowest version of its range that the tools of the tests
admit (``uv pip compile --resolution lowest-direct``; pip cannot resolve this way). Everything else
keeps the version of ``constraints.txt``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from lock import CONSTRAINTS, FOLDER, requirements

_NAME: Final = re.compile(r"^[A-Za-z0-9._-]+")


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""


def main(uv: str, output: Path) -> None:
    """Write the file."""
    ours = requirements()
    direct = {_name(one) for one in ours}
    pins = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        wanted, kept = Path(folder, "wanted.in"), Path(folder, "kept.txt")
        tools = (FOLDER / "dev.txt").read_text(encoding="utf-8")
        wanted.write_text("\n".join((*ours, tools)))
        kept.write_text("\n".join((*(pin for pin in pins if _name(pin) not in direct), "")))
        options = ("--resolution", "lowest-direct", "--constraint", str(kept), "--quiet")
        command = [uv, "pip", "compile", *options, "--python", sys.executable, str(wanted)]
        command += ["--no-header", "--no-annotate", "--strip-extras", "--output-file", str(output)]
        subprocess.run(command, check=True)  # noqa: S603 - the tool that the make target names
    pinned = {_name(pin) for pin in output.read_text(encoding="utf-8").splitlines()}
    with output.open("a", encoding="utf-8") as file:  # what is only installed where it can be
        file.writelines(f"{pin}\n" for pin in pins if _name(pin) and _name(pin) not in pinned)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
