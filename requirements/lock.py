"""Pins what a server needs, with hashes: ``python requirements/lock.py PIP_COMPILE``.

It writes ``runtime.txt`` out of the dependencies of the core, its extras for PostgreSQL and traces
and the plugins, at the versions of ``constraints.txt``. The hashes are those of every file of a
release.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
RUNTIME: Final = FOLDER / "runtime.txt"
CONSTRAINTS: Final = FOLDER / "constraints.txt"

EXTRAS: Final = ("postgresql", "traces")
"""The extras of the core that a server may need."""

_OURS: Final = "vm-orchestrator"

_HEADER: Final = """\
# What a server needs beside our own packages, as it was tested, with the hashes of its files:
#     pip install --require-hashes -r requirements/runtime.txt
# Our own packages follow with --no-deps. `make lock` writes this file; Python 3.11 and later.
"""


def requirements() -> list[str]:
    """Return every requirement of the core with its extras and of the plugins, but for our own."""
    root = FOLDER.parent
    found: set[str] = set()
    for file in (root / "pyproject.toml", *sorted(root.glob("plugins/*/pyproject.toml"))):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        found |= set(project["dependencies"])
        extras = project.get("optional-dependencies", {})
        found |= {one for extra in EXTRAS for one in extras.get(extra, ())}
    return sorted(one for one in found if not one.startswith(_OURS))


def main(pip_compile: str) -> None:
    """Write the file."""
    options = (
        "--generate-hashes",
        "--allow-unsafe",
        "--strip-extras",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-trusted-host",
        "--no-emit-find-links",
        "--no-emit-options",
        "--quiet",
    )
    with tempfile.TemporaryDirectory() as folder:
        wanted, made = Path(folder, "runtime.in"), Path(folder, "runtime.txt")
        wanted.write_text("\n".join((f"-c {CONSTRAINTS}", *requirements(), "")))
        command = [pip_compile, *options, "--output-file", str(made), str(wanted)]
        subprocess.run(command, check=True)  # noqa: S603 - the tool that the make target names
        RUNTIME.write_text(_HEADER + made.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
