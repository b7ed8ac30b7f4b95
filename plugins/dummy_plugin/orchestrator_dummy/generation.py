"""A number in memory shared by processes; it changes whenever a shared file changes."""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

_NUMBER = struct.Struct("<q")


class Generation:
    """A shared number that is read in well under a microsecond without releasing the GIL.

    Args:
        path: a small file, created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, _NUMBER.size)
            self._shared = mmap.mmap(descriptor, _NUMBER.size)
        finally:
            os.close(descriptor)

    def read(self) -> int:
        """Return the number."""
        return int(_NUMBER.unpack_from(self._shared)[0])

    def write(self, number: int) -> None:
        """Set the number for all processes."""
        _NUMBER.pack_into(self._shared, 0, number)
