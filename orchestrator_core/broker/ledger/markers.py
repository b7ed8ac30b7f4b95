"""Markers: texts that VMs carry from their start on, and by which they are found again."""

from __future__ import annotations

import re
from typing import Final

_MARKER: Final = re.compile(r"([0-9a-f]{12})-([0-9a-f]{32})")


def marker_of(installation: str, operation_id: str) -> str:
    """Return the marker of the VM that an operation starts: 45 characters of ``[0-9a-f-]``."""
    return f"{installation}-{operation_id}"


def read_marker(marker: str) -> tuple[str, str] | None:
    """Return a marker's installation and operation; None for a text of another form."""
    found = _MARKER.fullmatch(marker)
    return None if found is None else (found[1], found[2])
