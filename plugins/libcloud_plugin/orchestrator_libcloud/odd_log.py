"""Log lines about odd items: one for each, again after an hour.

An item stays odd for days while its list is asked for every few seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from orchestrator_libcloud.call import current

_log: Final = logging.getLogger(__name__)

_SECONDS: Final = 3600.0
_MOST: Final = 1000

_told: dict[tuple[str, str], float] = {}
_lock: Final = threading.Lock()


def cloud_name() -> str:
    """Return how messages begin that are about the cloud of the call under way."""
    call = current()
    return "The cloud" if call is None else f"Cloud {call.terms.cloud}"


def tell(what: str) -> None:
    """Log a warning about an item of the cloud of the call under way."""
    call = current()
    cloud = "?" if call is None else call.terms.cloud
    now = time.monotonic()
    with _lock:
        last = _told.get((cloud, what))
        if last is not None and now - last < _SECONDS:
            return
        if len(_told) >= _MOST:
            _told.clear()
        _told[cloud, what] = now
    _log.warning("cloud %s: %s", cloud, what)
