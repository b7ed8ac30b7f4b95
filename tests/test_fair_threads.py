"""Threads and inboxes that take work in the turn of its callers."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_core.fair_threads import FairInbox, FairThreads
from orchestrator_core.origin import Lane, Origin, origin

PATIENCE = 10.0


def of(caller: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Run something on behalf of a caller."""
    context = contextvars.copy_context()
    context.run(origin.set, Origin(caller, Lane.READ))
    return context.run(work, *arguments)


def test_one_caller_s_backlog_keeps_a_thread_free_for_another() -> None:
    threads, release = FairThreads(4, "fair"), threading.Event()
    backlog = [of("many", threads.submit, release.wait) for _ in range(500)]
    assert of("one", threads.submit, lambda: "served").result(PATIENCE) == "served"
    assert not any(future.done() for future in backlog)
    release.set()
    assert all(future.result(PATIENCE) for future in backlog)
    threads.shutdown()


def test_results_and_errors_reach_those_who_wait() -> None:
    threads = FairThreads(2, "fair")

    def fail() -> None:
        raise ValueError("x")

    failing, fine = threads.submit(fail), threads.submit(divmod, 7, 2)
    assert fine.result(PATIENCE) == (3, 1)
    with pytest.raises(ValueError, match="x"):
        failing.result(PATIENCE)
    threads.shutdown()


def test_what_was_submitted_is_run_before_it_shuts_down() -> None:
    done: list[int] = []
    threads = FairThreads(4, "fair")
    for number in range(50):
        of("many", threads.submit, done.append, number)
    threads.shutdown()
    assert sorted(done) == list(range(50))


def test_what_was_cancelled_is_not_run() -> None:
    ran: list[int] = []
    threads, release = FairThreads(1, "fair"), threading.Event()
    threads.submit(release.wait)
    late = threads.submit(ran.append, 1)
    assert late.cancel()
    release.set()
    threads.shutdown()
    assert ran == []


def test_jobs_are_taken_in_the_turn_of_their_callers_and_the_end_last() -> None:
    inbox: FairInbox[str] = FairInbox()
    for number in range(3):
        of("many", inbox.put, f"many {number}")
    of("one", inbox.put, "one")
    inbox.put(None)
    taken = [inbox.get() for _ in range(5)]
    assert taken == ["many 0", "one", "many 1", "many 2", None]
