"""Log lines about odd items: one for each item, and another only if it is odd in a new way.

An item stays odd for days, while its list is requested every few seconds.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from orchestrator_libcloud.answers.odd_memory import OddMemory
from orchestrator_libcloud.http.call import current

_log: Final = logging.getLogger(__name__)

_told: Final = OddMemory()
"""For all clouds of the process, by name, so that a reload of the settings repeats no line."""


def cloud_name() -> str:
    """Return the start of messages about the cloud of the current call."""
    call = current()
    return "The cloud" if call is None else f"Cloud {call.terms.cloud}"


def log(what: str, key: Any = None) -> None:
    """Log a warning about an item of the current call's cloud, once.

    Args:
        what: the log line.
        key: the subject of the line, if it has less detail than the line: an item moves to another
            place of its list when other items are created.
    """
    call = current()
    cloud = "?" if call is None else call.terms.cloud
    if _told.is_new((cloud, what if key is None else key)):
        _log.warning("cloud %s: %s", cloud, what)
