"""The pinned set for deployment: complete, tested, and with hashes."""

from __future__ import annotations

import re
import runpy
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "requirements"
RUNTIME = (FOLDER / "runtime.txt").read_text(encoding="utf-8")
PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

EXTRAS = ("postgresql", "traces")
PLUGINS = ("vm-orchestrator-dummy", "vm-orchestrator-libcloud", "vm-orchestrator-cistern")


def pinned() -> dict[str, str]:
    """Return each pin's version; every other line of the file is a comment or a hash."""
    found: dict[str, str] = {}
    for line in RUNTIME.replace("\\\n", " ").splitlines():
        if line.startswith("#"):
            continue
        pin, *hashes = line.split()
        match = PIN.fullmatch(pin)
        assert match, line
        assert hashes, line
        assert all(HASH.fullmatch(one) for one in hashes), line
        found[canonicalize_name(match[1])] = match[2]
    return found


def needed() -> set[str]:
    """Return what the core with its extras and the plugins install, except our own packages."""
    found: set[str] = set()
    waiting = [
        *(("vm-orchestrator", extra) for extra in EXTRAS),
        *((plugin, "") for plugin in PLUGINS),
    ]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        if not name.startswith("vm-orchestrator"):
            found.add(name)
        for line in requires(name) or ():
            one = Requirement(line)
            if one.marker is not None and not one.marker.evaluate({"extra": extra}):
                continue
            for its in {"", *one.extras}:
                key = (canonicalize_name(one.name), its)
                if key not in seen:
                    seen.add(key)
                    waiting.append(key)
    return found


def test_the_pins_are_those_of_the_tests() -> None:
    constraints = (FOLDER / "constraints.txt").read_text(encoding="utf-8")
    tested: dict[str, str] = {
        canonicalize_name(name): version for name, version in PIN.findall(constraints)
    }
    assert {name: tested[name] for name in pinned()} == pinned()


def test_they_are_all_that_a_server_needs() -> None:
    assert set(pinned()) == needed()


def test_no_address_of_an_index_is_written_down() -> None:
    assert "://" not in RUNTIME
    assert not re.search(r"^\s*-", re.sub(r"\\\n\s+--hash=\S+", "", RUNTIME), re.MULTILINE)


def test_the_page_shows_the_licence_of_each() -> None:
    licences: dict[str, Any] = runpy.run_path(str(FOLDER / "licences.py"))
    page = (ROOT / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
    assert licences["written"](page) == page, "run: make lock"
    assert "| psycopg | LGPL-3.0-only |" in page
