"""Idle threads of a cloud: they end, so that a process has threads for the clouds in use only."""

from __future__ import annotations

import asyncio
import threading
import time
from queue import SimpleQueue
from typing import TypeVar

import pytest

from orchestrator_core.clouds.bulkhead import Bulkhead
from orchestrator_core.clouds.idle_threads import IdleThreads

PATIENCE = 5.0

T = TypeVar("T")


def threads_of(title: str) -> int:
    return sum(thread.name.startswith(title) for thread in threading.enumerate())


async def until_threads(title: str, number: int) -> None:
    ends_at = time.monotonic() + PATIENCE
    while threads_of(title) != number:
        assert time.monotonic() < ends_at, threads_of(title)
        await asyncio.sleep(0.005)


async def use_all(bulkhead: Bulkhead, threads: int) -> None:
    """Make a bulkhead use this many threads at the same time."""
    all_run = threading.Barrier(threads)
    work = (bulkhead.run(lambda _: all_run.wait(PATIENCE), PATIENCE) for _ in range(threads))
    await asyncio.gather(*work)


@pytest.mark.anyio
async def test_an_idle_thread_ends_and_the_next_call_starts_another() -> None:
    idle = IdleThreads(few=0, long=60.0, short=0.02)
    bulkhead = Bulkhead("Cloud idle", threads=3, queue=10, idle_threads=idle)
    for _ in range(3):
        await use_all(bulkhead, 3)
        await until_threads("Cloud idle", 0)
    bulkhead.close()


@pytest.mark.anyio
async def test_few_idle_threads_of_the_process_stay_and_the_others_end() -> None:
    idle = IdleThreads(few=3, long=60.0, short=0.02)
    clouds = [
        Bulkhead(f"Cloud crowd {number}", threads=2, queue=10, idle_threads=idle)
        for number in range(20)
    ]
    await asyncio.gather(*(use_all(cloud, 2) for cloud in clouds))
    await until_threads("Cloud crowd", 3)
    for cloud in clouds:
        cloud.close()
    await until_threads("Cloud crowd", 0)


class LateIdleThreads(IdleThreads):
    """Idle threads that time out just after they have been woken for an item."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Semaphore(0)
        self.waits = threading.Semaphore(0)

    def wait(self, queue: SimpleQueue[T]) -> T | None:
        """Return None once the test permits it, although an item may be in the queue."""
        if not queue.empty():
            return super().wait(queue)
        self.waits.release()
        assert self.over.acquire(timeout=PATIENCE)
        return None


@pytest.mark.anyio
async def test_no_call_is_lost_to_a_thread_that_is_just_ending() -> None:
    idle = LateIdleThreads()
    bulkhead = Bulkhead("Cloud ending", threads=1, queue=10, idle_threads=idle)
    assert await bulkhead.run(lambda _: 0, PATIENCE) == 0
    for number in range(1, 6):
        assert await asyncio.to_thread(idle.waits.acquire, timeout=PATIENCE)
        call = asyncio.ensure_future(
            bulkhead.run(lambda deadline: deadline.seconds, PATIENCE + number)
        )
        await asyncio.sleep(0)  # It wakes the idle thread.
        idle.over.release()
        assert await call == PATIENCE + number
    assert threads_of("Cloud ending") == 1
    idle.over.release()
    await until_threads("Cloud ending", 0)


@pytest.mark.anyio
async def test_it_can_be_closed_while_its_threads_end() -> None:
    idle = IdleThreads(few=0, long=60.0, short=0.001)
    bulkhead = Bulkhead("Cloud closed", threads=3, queue=10, idle_threads=idle)
    for _ in range(50):
        await use_all(bulkhead, 3)
        bulkhead.close()
    await until_threads("Cloud closed", 0)
    assert await bulkhead.run(lambda _: "again", PATIENCE) == "again"
