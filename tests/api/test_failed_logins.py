"""Failed logins: the delays of an address's answers."""

from __future__ import annotations

import time

import pytest

from orchestrator_core.api import failed_logins
from orchestrator_core.api.failed_logins import FailedLogins


def test_each_further_one_waits_twice_as_long_up_to_a_limit() -> None:
    logins = FailedLogins()
    delays = [logins.add("192.0.2.1", "x") for _ in range(100)]
    assert delays[:8] == [0, 0, 0, 0, 0, 0.1, 0.2, 0.4]
    assert max(delays) == delays[-1] == 5.0
    assert logins.add("192.0.2.2", "x") == 0


def test_an_address_is_cleared_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    logins, now = FailedLogins(), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(10):
        logins.add("192.0.2.1", "x")
    now += 601
    assert logins.add("192.0.2.1", "x") == 0


def test_the_number_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "_MOST_ADDRESSES", 3)
    logins = FailedLogins()
    for _ in range(10):
        logins.add("192.0.2.1", "x")
    for number in range(3):
        logins.add(f"192.0.2.9{number}", "x")
    assert logins.add("192.0.2.1", "x") == 0
