"""Log lines about odd items: one for each, again only when it is odd in another way.

An item stays odd for days while its list is asked for every few seconds.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from orchestrator_libcloud.answers.odd_memory import OddMemory
from orchestrator_libcloud.http.call import current

_log: Final = logging.getLogger(__name__)

_told: Final = OddMemory()
"""Of all clouds of the process, by name: a reload of the settings tells nothing again."""


def cloud_name() -> str:
    """Return how messages begin that are about the cloud of the call under way."""
    call = current()
    return "The cloud" if call is None else f"Cloud {call.terms.cloud}"


def tell(what: str, key: Any = None) -> None:
    """Log a warning about an item of the cloud of the call under way, once.

    Args:
        what: the line.
        key: what the line is about, where that says less than the line: an item stands at another
            place of its list when others are made.
    """
    call = current()
    cloud = "?" if call is None else call.terms.cloud
    if _told.is_new((cloud, what if key is None else key)):
        _log.warning("cloud %s: %s", cloud, what)
