"""Audit of the pinned packages: ``python requirements/audit.py [--osv-url URL] [--pins FILE …]``.

It asks pip-audit for the known vulnerabilities of every pin, and judges every licence by
``licences.toml``. The exit status is 1 if there is one, if a licence is unknown or not allowed, and
if a package could not be audited: a service that does not answer is no proof of anything.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

import licences
from packaging.utils import canonicalize_name

PINS: Final = (licences.FOLDER / "constraints.txt", licences.RUNTIME)
"""The pins of the tests, and those of a server with their hashes."""

PYPI: Final = "https://pypi.org/pypi/NAME/VERSION/json"
"""The service that pip-audit asks by itself."""

REMEDY: Final = (
    "run this where it can be reached, or name an OSV service: "
    "make audit OSV_URL=https://api.osv.dev/v1/query"
)

_REASON: Final = re.compile(r"\[Errno -?\d+\] ([^\"')\]]+)")
_STATUS: Final = re.compile(r"HTTPError: ([45]\d\d [A-Z][\w ]*?) (?:for url|Error)")
"""Parts of what Requests says of a failure, under the frames that pip-audit prints."""

_OURS: Final = "vm-orchestrator"
_SHOWN: Final = 5
"""Names of packages in one line of a report."""


def main(pinned: dict[str, str], service: list[str], *, installed: bool) -> int:
    """Print a report; return the exit status.

    Args:
        pinned: the version of each package, by its name.
        service: options of pip-audit that name the service of advisories.
        installed: whether every installed package has to be among the pinned ones.
    """
    policy = licences.policy_of()
    answer, trouble = ask(pinned, service)
    found = [
        *([trouble] if trouble else vulnerabilities(answer)),
        *licences.complaints(sorted(pinned), policy),
        *(unpinned(pinned) if installed else ()),
    ]
    print(*found, sep="\n", end="\n" if found else "")  # noqa: T201 - a report for a terminal
    state = "failed" if found else "passed"
    print(f"audit {state}: {len(pinned)} packages, {len(found)} findings")  # noqa: T201
    return 1 if found else 0


def ask(pinned: dict[str, str], service: list[str]) -> tuple[list[dict[str, Any]], str | None]:
    """Return pip-audit's judgement of each package, and why there is none."""
    options = ("--format", "json", "--progress-spinner", "off", "--no-deps", "--disable-pip")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pins.txt")
        file.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()))
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            *options,
            *service,
            "--requirement",
            str(file),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        return list(json.loads(done.stdout)["dependencies"]), None
    except (ValueError, KeyError):
        where = service[-1] if service else PYPI
        why = _why(where, done.stderr) or f"pip-audit ended with status {done.returncode}"
        return [], f"no package could be audited, because {why}; {REMEDY}"


def _why(where: str, told: str) -> str:
    """Return why there is no answer, from what pip-audit wrote; empty if it wrote nothing."""
    reasons, statuses = _REASON.findall(told), _STATUS.findall(told)
    if statuses:
        return f"{where} answered {statuses[-1]}"
    if reasons:
        return f"{where} cannot be reached ({reasons[-1]})"
    last = told.strip().rpartition("\n")[2]
    return last and f"{where} gives no usable answer (pip-audit: {last})"


def vulnerabilities(answer: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each vulnerability, and one for all packages that could not be audited."""
    skipped = [one for one in answer if "skip_reason" in one]
    for package in answer:
        for one in package.get("vulns", ()):
            fixed = ", ".join(one["fix_versions"]) or "no version"
            yield f"{package['name']} {package['version']}: {one['id']}, fixed in {fixed}"
    if skipped:
        names = ", ".join(str(one["name"]) for one in skipped[:_SHOWN])
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        reason = skipped[0]["skip_reason"]
        which = f"{len(skipped)} of the packages ({names}{more})"
        told = f"could not be audited: {which}; the first: {reason}"
        if len(skipped) == len(answer):
            told += f". {PYPI} may be a mirror without that API here: {REMEDY}"
        yield told


def unpinned(pinned: dict[str, str]) -> Iterator[str]:
    """Yield a line for each installed package that no pin covers."""
    known = {canonicalize_name(name) for name in pinned}
    for name in sorted({canonicalize_name(one.name) for one in distributions()}):
        if name not in known and not name.startswith(_OURS):
            yield f"{name}: it is installed, but requirements/constraints.txt does not pin it"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osv-url", help="an OSV service, instead of PyPI's JSON API")
    parser.add_argument("--pins", type=Path, nargs="+", help="files of pins")
    arguments = parser.parse_args()
    files = arguments.pins or PINS
    chosen = ["--vulnerability-service", "osv", "--osv-url", arguments.osv_url]
    every = {name: version for file in files for name, version in licences.pins(file).items()}
    sys.exit(main(every, chosen if arguments.osv_url else [], installed=arguments.pins is None))
