"""The quick check of changes since ``main``: ``python -m tests.quick``.

It runs lint and the unit tests of what changed. Tests that the root's ``conftest.py`` marks as
``unit`` start no process and no server. A package whose files are equal to those in ``main`` is
skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
BIN: Final = Path(sys.executable).parent

_BASES: Final = ("origin/main", "main", "HEAD")


def changed() -> list[Path]:
    """Return the files that differ from this branch's start at ``main``, and the new ones."""
    base = next(filter(None, (_git("merge-base", "HEAD", base) for base in _BASES)), "HEAD")
    names = [
        *_git("diff", "--name-only", "--diff-filter=d", base.strip()).splitlines(),
        *_git("ls-files", "--others", "--exclude-standard").splitlines(),
    ]
    return sorted({Path(name) for name in names})


def packages(files: list[Path]) -> list[str]:
    """Return the folders of plugins and examples in which a file changed."""
    folders = {"/".join(file.parts[:2]) for file in files if file.parts[0] in _PACKAGES}
    return sorted(folder for folder in folders if (ROOT / folder / "pyproject.toml").exists())


_PACKAGES: Final = ("plugins", "examples")


def commands(files: list[Path], jobs: str) -> Iterator[list[str]]:
    """Yield the commands to run, the fastest first."""
    code = [str(file) for file in files if file.suffix == ".py"]
    if code:
        yield ["ruff", "check", "--force-exclude", *code]
        yield ["ruff", "format", "--check", "--force-exclude", *code]
        yield ["lint-imports", "--no-logo"]
    ours = packages(files)
    core = not ours or any(file.parts[0] not in _PACKAGES for file in files)
    if core:
        yield ["mypy"]
    yield from (["mypy", package] for package in ours)
    tests = [package for package in ours if (ROOT / package / "tests").is_dir()]
    where = [*(["tests"] if core else []), *tests]
    yield ["pytest", "-q", "-n", jobs, "--dist", "loadfile", "-m", "unit and not soak", *where]


def main() -> int:
    """Run the commands until one fails; return its status."""
    for command in commands(changed(), os.environ.get("JOBS", "2")):
        print("$", *command[:4], "..." if len(command) > 4 else "", flush=True)  # noqa: T201
        status = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False).returncode
        if status:
            return status
    return 0


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
