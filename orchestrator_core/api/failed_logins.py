"""Failed logins, counted by address: they are logged, and repeated ones are answered later."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import structlog

from orchestrator_core.metrics.meter import meter

_log = structlog.get_logger(__name__)

_FREE: Final = 5
_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 5.0
_FORGOTTEN_AFTER: Final = 600.0
_MOST_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0


class FailedLogins:
    """A count of the failed logins of each address in this process.

    The first 5 are answered at once. The next is answered after 0.1 s, and each further one after
    twice the time of the one before, up to 5 s. A valid token is never delayed, so that a caller
    behind the same proxy as a guesser is served. After 10 minutes without a failure, the count of
    an address starts again.
    """

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, _Failures] = OrderedDict()

    def add(self, address: str, why: str) -> float:
        """Count and log a failed login; return the seconds to wait before answering it.

        Args:
            address: the client's address.
            why: the fault, without the token.
        """
        now = time.monotonic()
        failures = self._addresses.pop(address, None) or _Failures()
        if now - failures.last > _FORGOTTEN_AFTER:
            failures.count = 0
        failures.count += 1
        failures.last = now
        self._addresses[address] = failures
        while len(self._addresses) > _MOST_ADDRESSES:
            self._addresses.popitem(last=False)
        meter().failed_login()
        self._tell(address, failures.count, why)
        doubled = failures.count - _FREE - 1
        return 0.0 if doubled < 0 else min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(doubled, 16))

    @staticmethod
    def _tell(address: str, count: int, why: str) -> None:
        # The first ones are all logged, later only each hundredth: a guesser must not fill the
        # disk.
        if count <= 2 * _FREE or count % 100 == 0:
            _log.warning("login failed", address=address, count=count, why=why)
