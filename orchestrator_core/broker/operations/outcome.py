"""Decisions on an error: whether the change was made, and whether and when to try again."""

from __future__ import annotations

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
"""The error codes of attempts that may not begin at present."""


def is_invalid(error: OrchestratorError) -> bool:
    """Return whether the request itself was invalid, so that nothing was changed."""
    return isinstance(error, _INVALID) and error.nothing_done is not False


def is_nothing_done(error: OrchestratorError) -> bool | None:
    """Return whether the plugin says that nothing was changed; None if it does not say."""
    if isinstance(error, CloudError) and error.repeat_is_safe:
        return True
    return error.nothing_done


def is_refusal(error: OrchestratorError) -> bool:
    """Return whether it is certain that the cloud did not make the change."""
    nothing_done = is_nothing_done(error)
    if nothing_done is not None or isinstance(error, CloudError):
        return bool(nothing_done)
    return isinstance(error, RequestError | Unsupported)


def failed(operation: Operation, error: OrchestratorError) -> Progress:
    """Return the progress of an operation that fails with this error."""
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
    """Return the progress of an operation that is tried again."""
    return Progress(
        OperationState.PENDING,
        step or operation.step,
        unsettled=unsettled,
        after=after,
        error_code=error.code,
        error_message=error.message,
    )


def check_again(operation: Operation, after: float) -> Progress:
    """Return the progress of an operation whose outcome is still unknown; its error is kept."""
    return Progress(
        OperationState.PENDING,
        operation.step,
        unsettled=True,
        after=after,
        error_code=operation.error_code,
        error_message=operation.error_message,
    )


def paused(operation: Operation, code: str, why: str, *, unsettled: bool = False) -> Progress:
    """Return the progress of an operation that an operator must decide about."""
    return Progress(
        OperationState.PAUSED,
        operation.step,
        unsettled=unsettled,
        error_code=code,
        error_message=why,
    )
