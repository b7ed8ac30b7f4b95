"""Cuts a release: ``python requirements/release.py VERSION``; ``make release`` calls it.

It writes the version into every package, builds the newest section of ``CHANGELOG.md`` out of the
fragments in ``changelog.d/`` and removes them. Repeated for a version that has no tag yet, it adds
the fragments that have come meanwhile to that section.

``python requirements/release.py --tag`` sets the tag of the version that the packages have.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CHANGELOG: Final = "CHANGELOG.md"
PACKAGES: Final = (".", "plugins/*", "examples/policy_extension", "examples/audit_extension")
"""The folders of our packages, which have one version."""

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_DECLARED: Final = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)
_OURS: Final = r"(vm-orchestrator[a-z-]*(?:\[[a-z]+\])?)"
_SECTION: Final = re.compile(r"^## (\S+) \(.*\)$", re.MULTILINE)
_START: Final = "<!-- towncrier release notes start -->\n"

_Sections = dict[tuple[str, str], list[str]]
"""The entries of a version, by the headings above them."""


def cut(root: Path, version: str) -> None:
    """Write a version into the packages and the changelog.

    Raises:
        SystemExit: The version cannot follow; the message says why. Nothing is changed.
    """
    if not _VERSION.fullmatch(version):
        sys.exit(f"release: {version!r} is not a version of the form 1.2.3")
    last = top_version(root)
    fragments = list((root / "changelog.d").glob("*.*.md"))
    if f"v{version}" in tags(root):
        sys.exit(f"release: {version} has its tag already; choose a later version")
    if last is not None and _numbers(version) < _numbers(last):
        sys.exit(f"release: {version} is older than {last}, the newest in {CHANGELOG}")
    if not fragments:
        sys.exit("release: changelog.d/ has no fragment, so nothing has changed for users")
    set_version(root, version)
    build_changelog(root, version)


def declared(root: Path) -> dict[str, str]:
    """Return the version of each of our packages, by the package's name."""
    projects = [tomllib.loads(file.read_text(encoding="utf-8")) for file in _projects(root)]
    return {one["project"]["name"]: one["project"]["version"] for one in projects}


def top_version(root: Path) -> str | None:
    """Return the version of the newest section of the changelog; None for none."""
    found = _SECTION.search((root / CHANGELOG).read_text(encoding="utf-8"))
    return None if found is None else found[1]


def tags(root: Path) -> list[str]:
    """Return the names of the repository's tags; none outside of a repository."""
    return _git(root, "tag", "--list").splitlines()


def set_version(root: Path, version: str) -> None:
    """Write a version into every package, and the ranges in which the packages take each other."""
    # Other ranges, such as those that tests refuse, stay as they are.
    old = re.compile(_OURS + re.escape(_range(declared(root)["vm-orchestrator"])))
    for file in _projects(root):
        text = file.read_text(encoding="utf-8")
        file.write_text(_DECLARED.sub(f'version = "{version}"', text, count=1), encoding="utf-8")
    for file in _with_ranges(root):
        text = file.read_text(encoding="utf-8")
        file.write_text(old.sub(rf"\1{_range(version)}", text), encoding="utf-8")


def build_changelog(root: Path, version: str) -> None:
    """Build the section of a version, and remove the fragments.

    A section that the version has already gets the new entries.
    """
    file = root / CHANGELOG
    old: _Sections = {}
    if top_version(root) == version:
        before, rest = file.read_text(encoding="utf-8").split(_START)
        bounds = [found.start() for found in _SECTION.finditer(rest)] + [len(rest)]
        old = _entries(rest[: bounds[1]])
        file.write_text(f"{before}{_START}\n{rest[bounds[1] :]}", encoding="utf-8")
    command = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version]
    subprocess.run(command, cwd=root, check=True)  # noqa: S603 - a tool that dev.txt pins
    text = file.read_text(encoding="utf-8")
    if old:
        before, rest = text.split(_START)
        bounds = [found.start() for found in _SECTION.finditer(rest)] + [len(rest)]
        title = rest[bounds[0] :].partition("\n")[0]
        merged = _written(title, _merged(old, _entries(rest[: bounds[1]])))
        text = f"{before}{_START}\n{merged}\n{rest[bounds[1] :]}"
    file.write_text(re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n", encoding="utf-8")


def tag(root: Path) -> None:
    """Set the tag of the version that the packages have, on the commit that is checked out.

    Raises:
        SystemExit: The commit is no release; the message says why.
    """
    (version,) = set(declared(root).values())
    why = (
        "the working tree has changes"
        if _git(root, "status", "--porcelain")
        else "changelog.d/ has fragments; run make release first"
        if list((root / "changelog.d").glob("*.*.md"))
        else f"{CHANGELOG} has no section for {version}"
        if top_version(root) != version
        else f"v{version} exists already"
        if f"v{version}" in tags(root)
        else ""
    )
    if why:
        sys.exit(f"release: no tag is set: {why}")
    _git(root, "tag", "--annotate", f"v{version}", "--message", f"Release {version}")
    print(f"v{version} is set; publish it with: git push origin v{version}")  # noqa: T201


def _range(version: str) -> str:
    """Return the range of versions in which the contract stays as it is."""
    first, middle, _ = _numbers(version)
    return f">={first}.{middle},<{first}.{middle + 1}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _projects(root: Path) -> list[Path]:
    return [file for one in PACKAGES for file in sorted(root.glob(f"{one}/pyproject.toml"))]


def _with_ranges(root: Path) -> Iterable[Path]:
    """Return the files that name the versions of the core that a plugin takes."""
    listed = _git(root, "ls-files", "*.toml", "docs/plugins/*.md", "tests/*.py").splitlines()
    return [root / name for name in listed] or _projects(root)


def _entries(section: str) -> _Sections:
    found: _Sections = {}
    kind = topic = ""
    for line in section.splitlines():
        if line.startswith("### "):
            kind = line
        elif line.startswith("#### "):
            topic = line
        elif line.startswith("- "):
            found.setdefault((kind, topic), []).append(line)
        elif line.strip() and not line.startswith("## "):
            found[kind, topic][-1] += f"\n{line}"
    return found


def _merged(old: _Sections, new: _Sections) -> _Sections:
    merged = {key: list(entries) for key, entries in old.items()}
    for key, entries in new.items():
        merged.setdefault(key, []).extend(entries)
    return merged


def _written(title: str, sections: _Sections) -> str:
    lines, kinds = [title], list(dict.fromkeys(kind for kind, _ in sections))
    for kind in kinds:
        lines += ["", kind]
        for (its, topic), entries in sections.items():
            if its == kind:
                lines += ["", topic, "", *entries]
    return "\n".join([*lines, ""])


def _git(root: Path, *arguments: str) -> str:
    command: Sequence[str] = ("git", *arguments)
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip()


if __name__ == "__main__":
    if sys.argv[1] == "--tag":
        tag(ROOT)
    else:
        cut(ROOT, sys.argv[1])
