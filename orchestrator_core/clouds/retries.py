"""The rule for retries: whether to call a cloud again, and the wait before that."""

from __future__ import annotations

import random
from typing import Final

from orchestrator_core.errors import CloudError, OrchestratorError

FIRST_SECONDS: Final = 0.2
"""The longest wait in seconds before the second attempt; it doubles with each further attempt."""

LONGEST_SECONDS: Final = 5.0

_LEAST_LEFT: Final = 0.05
"""Seconds that an attempt needs at least before the deadline; else it is not made."""


def delay(
    error: OrchestratorError, attempt: int, most: int, left: float, *, unchanged: bool
) -> float | None:
    """Return the seconds to wait before the next attempt; None to stop retrying.

    The wait is an exponential backoff with full jitter, but never less than the cloud requests.

    Args:
        error: the error of the last attempt.
        attempt: the number of the last attempt, from 1.
        most: the highest number of attempts.
        left: the seconds until the deadline.
        unchanged: whether the attempt has certainly changed nothing: a read, or a change that had
            not begun.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    if attempt >= most or not isinstance(error, CloudError):
        return None
    if not (error.repeat_is_safe or (error.transient and unchanged)):
        return None
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1))
    wait = random.uniform(0, longest) + (error.retry_after or 0)  # noqa: S311 - no secret
    return wait if wait + _LEAST_LEFT < left else None
