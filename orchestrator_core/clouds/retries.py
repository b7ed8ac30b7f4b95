"""When to ask a cloud once more, and how long to wait before."""

from __future__ import annotations

import random
from typing import Final

from orchestrator_core.errors import CloudError, OrchestratorError

FIRST_SECONDS: Final = 0.2
"""The longest wait before the second attempt; it doubles with each further one."""

LONGEST_SECONDS: Final = 5.0

_LEAST_LEFT: Final = 0.05
"""Seconds that an attempt must have before its deadline to be worth it."""


def pause(
    error: OrchestratorError, attempt: int, most: int, left: float, *, unchanged: bool
) -> float | None:
    """Return how many seconds to wait before the next attempt, None to give up.

    Exponential backoff with full jitter, but never less than what the cloud asks for.

    Args:
        error: how the last attempt ended.
        attempt: its number, from 1.
        most: how many attempts there may be.
        left: seconds until the deadline.
        unchanged: whether the attempt can have changed nothing: a read, or a change that had
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
