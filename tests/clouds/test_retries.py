"""Retries: the failures that permit another attempt, and the delays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core import errors
from orchestrator_core.clouds.retries import FIRST_SECONDS, LONGEST_SECONDS, delay

SAFE = errors.CloudError("refused whole", repeat_is_safe=True)


@pytest.mark.parametrize(
    ("error", "read", "change"),
    [
        (errors.CloudUnreachable("x"), True, False),
        (errors.CloudUnreachable("its certificate", transient=False), False, False),
        (errors.RateLimited("x"), True, False),
        (errors.CloudError("x"), False, False),
        (errors.CloudError("500", transient=True), True, False),
        (SAFE, True, True),
        (errors.CloudTimeout("x"), False, False),
        (errors.CloudBusy("x"), False, False),
        (errors.CircuitOpen("x"), False, False),
        (errors.InvalidAnswer("x"), False, False),
        (errors.NodeNotFound("x"), False, False),
        (errors.Unsupported("x"), False, False),
    ],
)
def test_what_is_repeated(error: errors.OrchestratorError, *, read: bool, change: bool) -> None:
    assert (delay(error, 1, 3, 60, unchanged=True) is not None) is read
    assert (delay(error, 1, 3, 60, unchanged=False) is not None) is change


@settings(derandomize=True, deadline=None)
@given(
    attempt=st.integers(1, 30),
    left=st.floats(0, 1000),
    asked=st.none() | st.floats(0.001, 2000),
)
def test_the_wait_grows_ends_in_time_and_heeds_the_cloud(
    attempt: int, left: float, asked: float | None
) -> None:
    error = errors.RateLimited("x", retry_after=asked)
    wait = delay(error, attempt, 31, left, unchanged=True)
    most = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1))
    if wait is None:
        assert most + (asked or 0) >= left - 0.1
    else:
        assert (asked or 0) <= wait <= most + (asked or 0)
        assert wait < left


def test_there_is_an_end_to_it() -> None:
    assert delay(errors.CloudUnreachable("x"), 3, 3, 60, unchanged=True) is None
