"""Writes the table of runtime dependencies: ``python requirements/licences.py PAGE``.

Names and versions come from ``runtime.txt``, licences from the installed packages' own metadata.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path
from typing import Final

RUNTIME: Final = Path(__file__).resolve().with_name("runtime.txt")

BEGIN: Final = "<!-- dependencies: `make lock` writes this table -->\n"
END: Final = "<!-- end of dependencies -->\n"

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_LICENCE: Final = "License :: "
_LONGEST: Final = 60
"""Characters of a name; some packages give the whole text, which begins with the name."""


def pins() -> dict[str, str]:
    """Return the version of every pinned package, by its name."""
    return dict(_PIN.findall(RUNTIME.read_text(encoding="utf-8")))


def licence(package: PackageMetadata) -> str:
    """Return a package's licence: its SPDX expression, else its classifiers or its short name."""
    expression = package.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = [
        one.split(" :: ")[-1]
        for one in package.get_all("Classifier") or ()
        if one.startswith(_LICENCE)
    ]
    if classifiers:
        return ", ".join(classifiers)
    name = next(iter(str(package.get("License") or "").strip().splitlines()), "")
    return name if 0 < len(name) <= _LONGEST else "see its files"


def table() -> str:
    """Return the table in Markdown."""
    rows = [f"| {name} | {licence(metadata(name))} |\n" for name in sorted(pins())]
    return "".join(("| package | licence |\n", "| --- | --- |\n", *rows))


def written(page: str) -> str:
    """Return a page with the table in its place."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(written(file.read_text(encoding="utf-8")), encoding="utf-8")
