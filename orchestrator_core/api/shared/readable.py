"""Recorded values that cannot be shown because the database is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from orchestrator_core.errors import StateUnavailable

_log = structlog.get_logger(__name__)


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn errors of shaping a record into the error of its database.

    SQLite keeps no checksums: a changed byte within a value is noticed only when the value is used.

    Args:
        what: the record for the log, for example ``operation 0123``.

    Raises:
        StateUnavailable: when the record cannot be shaped.
    """
    try:
        yield
    except (AttributeError, LookupError, OSError, OverflowError, TypeError, ValueError) as error:
        _log.error("damaged record", record=what, why=f"{type(error).__name__}: {error}")
        raise StateUnavailable from None
