"""The circuit breaker: opening after failures, and closing when the cloud is back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator_core.clouds.breaker import Breaker, Circuit
from orchestrator_core.errors import CircuitOpen

FAILURES, SECONDS = 3, 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("Cloud test", failures=FAILURES, seconds=SECONDS, clock=clock)


def circuit(breaker: Breaker) -> Circuit:
    return breaker.circuit


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed("it is down", probe=breaker.admit())


def test_failures_in_a_row_open_it_and_others_do_not(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.answered(probe=breaker.admit())
    fail(breaker, FAILURES - 1)
    assert circuit(breaker) is Circuit.CLOSED
    fail(breaker)
    assert circuit(breaker) is Circuit.OPEN
    with pytest.raises(CircuitOpen, match=r"Cloud test .* keeps failing: it is down") as caught:
        breaker.admit()
    assert caught.value.retry_after == SECONDS


def test_one_probe_is_let_through_and_an_answer_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.now += SECONDS
    assert circuit(breaker) is Circuit.HALF_OPEN
    assert breaker.admit()
    with pytest.raises(CircuitOpen):
        breaker.admit()
    breaker.answered(probe=True)
    assert circuit(breaker) is Circuit.CLOSED
    assert not breaker.admit()


def test_each_probe_that_fails_doubles_the_time_up_to_eight_times(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, FAILURES)
    for factor in (1, 2, 4, 8, 8):
        assert breaker.retry_after == SECONDS * factor
        clock.now += SECONDS * factor
        fail(breaker)


def test_a_probe_that_tells_nothing_lets_another_one_through(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, FAILURES)
    clock.now += SECONDS
    breaker.ended(probe=breaker.admit())
    assert breaker.admit()


def test_what_began_before_it_opened_does_not_close_it(breaker: Breaker) -> None:
    early = breaker.admit()
    fail(breaker, FAILURES)
    breaker.answered(probe=early)
    assert circuit(breaker) is Circuit.OPEN


class Calls(RuleBasedStateMachine):
    """Calls that overlap and end in any way, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker("Cloud test", failures=FAILURES, seconds=SECONDS, clock=self.clock)
        self.in_flight: list[bool] = []

    @rule()
    def begin(self) -> None:
        circuit = self.breaker.circuit
        if circuit is Circuit.OPEN or any(self.in_flight):
            with pytest.raises(CircuitOpen) as caught:
                self.breaker.admit()
            assert caught.value.retry_after
            assert caught.value.retry_after > 0
        else:
            self.in_flight.append(self.breaker.admit())
            assert self.in_flight[-1] == (circuit is Circuit.HALF_OPEN)

    @rule(which=st.integers(0, 10), how=st.sampled_from(["answered", "failed", "ended"]))
    def end(self, which: int, how: str) -> None:
        if self.in_flight:
            probe = self.in_flight.pop(which % len(self.in_flight))
            why: tuple[Any, ...] = ("it is down",) if how == "failed" else ()
            getattr(self.breaker, how)(*why, probe=probe)
            if probe and how == "answered":
                assert self.breaker.circuit is Circuit.CLOSED

    @rule(seconds=st.sampled_from([1.0, SECONDS, 8 * SECONDS]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def at_most_one_probe(self) -> None:
        assert sum(self.in_flight) <= 1

    def teardown(self) -> None:
        """Check that a cloud that is back is found, whatever happened before."""
        for probe in self.in_flight:
            self.breaker.ended(probe=probe)
        self.clock.now += 8 * SECONDS
        self.breaker.answered(probe=self.breaker.admit())
        assert self.breaker.circuit is Circuit.CLOSED


TestCalls = Calls.TestCase
TestCalls.settings = settings(derandomize=True, deadline=None, max_examples=200)
