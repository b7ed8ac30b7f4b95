"""Times in answers."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator_core.api.shared.readable import readable


def when(seconds: float | None) -> str | None:
    """Return a time in seconds since 1970 as an RFC 3339 text in UTC; None for None.

    Raises:
        StateUnavailable: when the time comes from a damaged record.
    """
    if seconds is None:
        return None
    with readable(f"the time {seconds}"):
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
