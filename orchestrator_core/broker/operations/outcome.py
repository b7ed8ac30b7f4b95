"""What an error says of whether something was done, and when to try again."""

from __future__ import annotations

import random
from typing import Final

from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.errors import (
    CloudError,
    DestroyHeld,
    DestroyLimit,
    ImageNotFound,
    InvalidParameter,
    OrchestratorError,
    RequestError,
    SizeNotFound,
    Unsupported,
)

_INVALID: Final = (InvalidParameter, ImageNotFound, SizeNotFound, Unsupported)

HELD: Final = (DestroyHeld.code, DestroyLimit.code)
"""How attempts end that may not begin just now."""

_MOST_DOUBLINGS: Final = 10


def is_invalid(error: OrchestratorError) -> bool:
    """Whether the request itself was wrong, so that nothing was done for it."""
    return isinstance(error, _INVALID) and error.nothing_done is not False


def is_nothing_done(error: OrchestratorError) -> bool | None:
    """Return what the plugin says of whether anything was changed; None if it does not say."""
    if isinstance(error, CloudError) and error.repeat_is_safe:
        return True
    return error.nothing_done


def is_refusal(error: OrchestratorError) -> bool:
    """Whether it is certain that the cloud did not do it."""
    told = is_nothing_done(error)
    if told is not None or isinstance(error, CloudError):
        return bool(told)
    return isinstance(error, RequestError | Unsupported)


def backoff(attempts: int, first: float, longest: float) -> float:
    """Return the seconds until the next attempt: twice as long each time, a little at random."""
    doubled: float = first * 2 ** min(max(attempts - 1, 0), _MOST_DOUBLINGS)
    return min(longest, doubled) * random.uniform(0.8, 1.2)  # noqa: S311 - nothing secret


def failed(operation: Operation, error: OrchestratorError) -> Progress:
    """Return what becomes of an operation that ends with this error."""
    return Progress(
        OperationState.FAILED,
        operation.step,
        error_code=error.code,
        error_message=error.message,
    )


def again(
    operation: Operation,
    error: OrchestratorError,
    after: float,
    *,
    step: Step | None = None,
    unsettled: bool = False,
) -> Progress:
    """Return what becomes of an operation that is tried again."""
    return Progress(
        OperationState.PENDING,
        step or operation.step,
        unsettled=unsettled,
        after=after,
        error_code=error.code,
        error_message=error.message,
    )


def look_again(operation: Operation, after: float) -> Progress:
    """Return what becomes of an operation whose end still does not show; its error stays."""
    return Progress(
        OperationState.PENDING,
        operation.step,
        unsettled=True,
        after=after,
        error_code=operation.error_code,
        error_message=operation.error_message,
    )


def paused(operation: Operation, code: str, why: str, *, unsettled: bool = False) -> Progress:
    """Return what becomes of an operation that somebody has to look at."""
    return Progress(
        OperationState.PAUSED,
        operation.step,
        unsettled=unsettled,
        error_code=code,
        error_message=why,
    )
