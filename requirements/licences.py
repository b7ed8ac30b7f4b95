"""Licences of the pinned packages: their table, and what the policy does not allow.

``python requirements/licences.py PAGE`` writes the table of what a server needs into a page. Names
and versions come from ``runtime.txt``, licences from the installed packages' own metadata, and the
policy from ``licences.toml``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final

from license_expression import Licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

FOLDER: Final = Path(__file__).resolve().parent
RUNTIME: Final = FOLDER / "runtime.txt"
POLICY: Final = FOLDER / "licences.toml"

BEGIN: Final = "<!-- dependencies: `make lock` writes this table -->\n"
END: Final = "<!-- end of dependencies -->\n"

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_CLASSIFIER: Final = "License :: "
_IDENTIFIERS: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",  # kubernetes-validate; its file is that of version 2.0
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "LicenseRef-BSD",
    "BSD License": "LicenseRef-BSD",
    "GNU General Public License (GPL)": "GPL-3.0-or-later",
    "GPL-3.0": "GPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Public Domain": "LicenseRef-Public-Domain",
    "Python Software Foundation License": "PSF-2.0",
}
"""SPDX identifiers of the names that metadata and classifiers use."""

_licensing: Final = Licensing()


def pins(file: Path = RUNTIME) -> dict[str, str]:
    """Return the version of every package that a file pins, by its canonical name."""
    found: list[tuple[str, str]] = _PIN.findall(file.read_text(encoding="utf-8"))
    return {canonicalize_name(name): version for name, version in found}


def licence(package: PackageMetadata) -> str | None:
    """Return a package's licence as an SPDX expression; None if its metadata does not tell it."""
    for field in ("License-Expression", "License"):
        # Some packages give the whole text, which begins with the name.
        text = next((str(one).strip() for one in package.get_all(field) or ()), "")
        expression = _identifier(next(iter(text.splitlines()), ""))
        if expression is not None:
            return expression
    named = [
        one.split(" :: ")[-1]
        for one in package.get_all("Classifier") or ()
        if one.startswith(_CLASSIFIER)
    ]
    identifiers = [_identifier(one) for one in named]
    if not named or None in identifiers:
        return None
    # Several classifiers do not tell whether one may choose: all of them have to be allowed.
    return " AND ".join(one for one in identifiers if one is not None)


def _identifier(name: str) -> str | None:
    try:
        return str(canonicalize_license_expression(_IDENTIFIERS.get(name, name)))
    except InvalidLicenseExpression:
        return None


def licence_of(name: str, policy: dict[str, Any]) -> str | None:
    """Return the licence of a package: as the policy states it, otherwise from its metadata.

    Returns:
        An SPDX expression, or None if the package is not installed or does not tell it.
    """
    stated = policy["stated"].get(canonicalize_name(name))
    if stated is not None:
        return str(stated["licence"])
    try:
        return licence(metadata(name))
    except PackageNotFoundError:
        return None


def policy_of(file: Path = POLICY) -> dict[str, Any]:
    """Return the policy of a file, with the keys ``allowed``, ``stated`` and ``accepted``."""
    return {"stated": {}, "accepted": {}, **tomllib.loads(file.read_text(encoding="utf-8"))}


def complaints(names: Iterable[str], policy: dict[str, Any]) -> Iterator[str]:
    """Yield one line for each package whose licence is unknown or not allowed."""
    for name in names:
        found = licence_of(name, policy)
        accepted = policy["accepted"].get(canonicalize_name(name), {}).get("licence")
        if found is None:
            yield f"{name}: the licence is unknown; state it in requirements/licences.toml"
        elif found != accepted and not _is_allowed(_licensing.parse(found), policy["allowed"]):
            yield f"{name}: the licence {found} is not allowed in requirements/licences.toml"


def _is_allowed(expression: Any, allowed: list[str]) -> bool:
    if isinstance(expression, _licensing.OR):
        return any(_is_allowed(one, allowed) for one in expression.args)
    if isinstance(expression, _licensing.AND):
        return all(_is_allowed(one, allowed) for one in expression.args)
    return str(expression) in allowed


def table() -> str:
    """Return the table in Markdown."""
    policy = policy_of()
    rows = [f"| {name} | {licence_of(name, policy) or 'unknown'} |\n" for name in sorted(pins())]
    return "".join(("| package | licence |\n", "| --- | --- |\n", *rows))


def written(page: str) -> str:
    """Return a page with the table in its place."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    page_file = Path(sys.argv[1])
    page_file.write_text(written(page_file.read_text(encoding="utf-8")), encoding="utf-8")
