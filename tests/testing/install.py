"""Temporary installation of plugins: a folder of metadata on the path is sufficient."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator_core.testing import Kind

METADATA = {
    "Version": "1.0",
    "Summary": "A plugin of the tests",
    "License-Expression": "Apache-2.0",
    "Requires-Python": ">=3.11",
    "Requires-Dist": "vm-orchestrator>=0.1,<0.2",
    "readme": "It is described here.",
}


def write(directory: Path, kind: Kind, name: str, entry: str, **metadata: str) -> None:
    """Write a package's metadata.

    Args:
        directory: the folder of installed packages.
        kind: the plugin's kind.
        name: the entry point's name.
        entry: ``module:class``.
        metadata: differences; "" omits a field.
    """
    told = {"Name": f"tests-{name.lower()}", **METADATA, **metadata}
    readme = told.pop("readme")
    folder = directory / f"{told['Name'].replace('-', '_')}-{told['Version']}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.4", *(f"{key}: {text}" for key, text in told.items() if text)]
    (folder / "METADATA").write_text("\n".join([*lines, "", readme]))
    (folder / "entry_points.txt").write_text(f"[{kind.group}]\n{name} = {entry}\n")


@contextmanager
def installed(kind: Kind, name: str, entry: str, **metadata: str) -> Iterator[Path]:
    """Make a plugin visible to this process and to those that it starts, until the block ends."""
    with TemporaryDirectory() as directory:
        write(Path(directory), kind, name, entry, **metadata)
        sys.path.insert(0, directory)
        try:
            yield Path(directory)
        finally:
            sys.path.remove(directory)
