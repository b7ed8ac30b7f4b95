"""Cooldowns: a rate limit's ``Retry-After`` holds for its operation, for a time."""

from __future__ import annotations

import pytest

from orchestrator_core.clouds.cooldowns import LONGEST_SECONDS, Cooldowns
from orchestrator_core.errors import RateLimited


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def left(cooldowns: Cooldowns, operation: str) -> float | None:
    try:
        cooldowns.check(operation)
    except RateLimited as refusal:
        return refusal.retry_after
    return None


def test_the_longest_wish_holds_for_its_operation_alone(clock: Clock) -> None:
    cooldowns = Cooldowns("Cloud test", clock)
    assert left(cooldowns, "list_nodes") is None
    cooldowns.begin("list_nodes", 7)
    cooldowns.begin("list_nodes", 3)
    assert left(cooldowns, "list_nodes") == 7
    assert left(cooldowns, "start_vm") is None
    clock.now += 7
    assert left(cooldowns, "list_nodes") is None


def test_no_caller_waits_for_hours(clock: Clock) -> None:
    cooldowns = Cooldowns("Cloud test", clock)
    cooldowns.begin("list_nodes", 86_400)
    assert left(cooldowns, "list_nodes") == LONGEST_SECONDS
