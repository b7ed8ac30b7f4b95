"""The ``Prefer`` header of a change (RFC 7240): whether, and how long, the caller waits."""

from __future__ import annotations

import re
from typing import Final

from orchestrator_core.api.resource import Request

_WAIT: Final = re.compile(r"wait\s*=\s*\"?(\d{1,6})\"?")


def longest_wait(req: Request) -> float | None:
    """Return the seconds that the caller waits for a change; None for as long as it takes.

    ``respond-async`` alone is 0. Preferences that are malformed are ignored (RFC 7240, 2).
    """
    words = [
        part.split(";", 1)[0].strip().lower()
        for part in (req.get_header("Prefer") or "").split(",")
    ]
    waits = [float(found[1]) for word in words if (found := _WAIT.fullmatch(word))]
    if waits:
        return waits[0]
    return 0.0 if "respond-async" in words else None


def applied(req: Request) -> str:
    """Return the value of ``Preference-Applied`` for an answer that comes before the result."""
    seconds = longest_wait(req)
    return f"wait={seconds:g}" if seconds else "respond-async"
