"""Small disks that a test fills."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def disk(folder: Path, size: str = "24m") -> Iterator[Path]:
    """Mount a disk of this size; without the right to do so, use the folder itself."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield folder
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill a disk until the block ends; leave a folder alone that is no disk."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as stream, suppress(OSError):
        while os.path.ismount(folder):
            stream.write(bytes(4096))
    try:
        yield
    finally:
        file.unlink()
