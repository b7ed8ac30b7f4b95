"""The threads of one cloud: results, limits and deadlines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator_core.clouds.aborter import Aborter
from orchestrator_core.clouds.bulkhead import Bulkhead, NeverAsked
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudBusy, CloudTimeout

PATIENCE = 10.0


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Return an event that releases waiting jobs; it is set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def make(threads: int = 4, queue: int = 100) -> Bulkhead:
    return Bulkhead("Cloud test", threads=threads, queue=queue)


async def until(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends_at
        await asyncio.sleep(0.005)


@pytest.mark.anyio
async def test_every_result_and_error_reaches_its_own_caller() -> None:
    bulkhead = make(queue=2000)

    def job(number: int) -> Any:
        def work(_: Deadline) -> int:
            if number % 7 == 0:
                raise ValueError(number)
            if number % 11 == 0:
                time.sleep(0.002)
            return number

        return work

    results = await asyncio.gather(
        *(bulkhead.run(job(number), PATIENCE) for number in range(1000)), return_exceptions=True
    )
    for number, result in enumerate(results):
        if number % 7 == 0:
            assert isinstance(result, ValueError)
            assert result.args == (number,)
        else:
            assert result == number
    bulkhead.close()


@pytest.mark.anyio
async def test_so_many_jobs_run_at_the_same_time_and_no_more(release: threading.Event) -> None:
    bulkhead = make(threads=3)
    running = threading.Semaphore(0)
    most, now, lock = 0, 0, threading.Lock()

    def work(_: Deadline) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        running.release()
        release.wait()
        with lock:
            now -= 1

    calls = [asyncio.ensure_future(bulkhead.run(work, PATIENCE)) for _ in range(10)]
    for _ in range(3):
        assert await asyncio.to_thread(running.acquire, timeout=PATIENCE)
    assert not await asyncio.to_thread(running.acquire, timeout=0.05)
    release.set()
    await asyncio.gather(*calls)
    assert most == 3
    bulkhead.close()


@pytest.mark.anyio
async def test_full_is_full_at_once(release: threading.Event) -> None:
    bulkhead = make(threads=1, queue=2)
    calls = [
        asyncio.ensure_future(bulkhead.run(lambda _: release.wait(), PATIENCE)) for _ in range(3)
    ]
    await asyncio.sleep(0)
    begun = time.monotonic()
    with pytest.raises(CloudBusy) as caught:
        await bulkhead.run(lambda _: None, PATIENCE)
    assert time.monotonic() - begun < 1
    assert caught.value.retry_after == 1
    release.set()
    await asyncio.gather(*calls)
    assert await bulkhead.run(lambda _: "free again", PATIENCE) == "free again"
    bulkhead.close()


@pytest.mark.anyio
async def test_the_deadline_holds_although_the_job_hangs(release: threading.Event) -> None:
    bulkhead = make(threads=1, queue=10)
    begun = time.monotonic()
    hanging = asyncio.ensure_future(bulkhead.run(lambda _: release.wait(), 0.1))
    queued = asyncio.ensure_future(bulkhead.run(lambda _: None, 0.1))
    with pytest.raises(CloudTimeout, match=r"Cloud test did not answer within 0\.1 s"):
        await hanging
    with pytest.raises(CloudTimeout):
        await queued
    assert time.monotonic() - begun < 5
    release.set()
    assert await bulkhead.run(lambda _: "back", PATIENCE) == "back"
    bulkhead.close()


@pytest.mark.anyio
async def test_a_job_whose_caller_has_left_is_not_begun(release: threading.Event) -> None:
    bulkhead = make(threads=1, queue=10)
    ran: list[str] = []
    first = asyncio.ensure_future(bulkhead.run(lambda _: release.wait(), PATIENCE))
    second = asyncio.ensure_future(bulkhead.run(lambda _: ran.append("second"), PATIENCE))
    third = asyncio.ensure_future(bulkhead.run(lambda _: ran.append("third"), PATIENCE))
    await asyncio.sleep(0.01)
    second.cancel()
    release.set()
    await asyncio.gather(first, third)
    assert ran == ["third"]
    bulkhead.close()


@pytest.mark.anyio
async def test_a_slow_job_does_not_hold_back_the_others(release: threading.Event) -> None:
    bulkhead = make(threads=2)
    slow = asyncio.ensure_future(bulkhead.run(lambda _: release.wait(), PATIENCE))
    fast = [asyncio.ensure_future(bulkhead.run(lambda _: 1, PATIENCE)) for _ in range(50)]
    assert await asyncio.wait_for(asyncio.gather(*fast), 5) == [1] * 50
    assert not slow.done()
    release.set()
    await slow
    bulkhead.close()


def test_it_goes_on_in_another_event_loop_and_after_it_was_closed() -> None:
    bulkhead = make()
    for number in range(3):
        assert (
            asyncio.run(bulkhead.run(lambda deadline: deadline.seconds, number + 1)) == number + 1
        )
    bulkhead.close()
    assert asyncio.run(bulkhead.run(lambda _: "again", PATIENCE)) == "again"
    bulkhead.close()


def test_closing_ends_its_threads() -> None:
    bulkhead = Bulkhead("Cloud closing", threads=4, queue=10)

    async def use() -> None:
        await asyncio.gather(
            *(bulkhead.run(lambda _: time.sleep(0.02), PATIENCE) for _ in range(8))
        )

    asyncio.run(use())
    bulkhead.close()
    ends_at = time.monotonic() + PATIENCE
    while any(thread.name.startswith("Cloud closing") for thread in threading.enumerate()):
        assert time.monotonic() < ends_at
        time.sleep(0.01)


@pytest.mark.anyio
async def test_a_job_that_raises_stop_iteration_is_an_error_like_any_other() -> None:
    bulkhead = make(threads=1)

    def stops(_: Deadline) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await bulkhead.run(stops, PATIENCE)
    assert await bulkhead.run(lambda _: "alive", PATIENCE) == "alive"
    bulkhead.close()


@pytest.mark.anyio
async def test_a_machine_without_a_free_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    bulkhead = make(threads=1)
    start = threading.Thread.start

    def refuse(_: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert await bulkhead.run(lambda _: "later", PATIENCE) == "later"
    bulkhead.close()


@pytest.mark.anyio
async def test_a_late_call_is_aborted_by_its_own_deadline(release: threading.Event) -> None:
    bulkhead = make(threads=2)
    given: list[Deadline] = []
    aborted: list[Deadline] = []

    def hang(deadline: Deadline) -> None:
        given.append(deadline)
        release.wait()

    with pytest.raises(CloudTimeout):
        await bulkhead.run(hang, 0.05, abort=aborted.append)
    await until(lambda: bool(aborted))
    assert aborted == given
    assert given[0].passed
    bulkhead.close()


@pytest.mark.anyio
async def test_a_call_whose_caller_leaves_is_aborted(release: threading.Event) -> None:
    bulkhead = make(threads=1)
    call = asyncio.ensure_future(
        bulkhead.run(lambda _: release.wait(), PATIENCE, abort=lambda _: release.set())
    )
    await until(lambda: bulkhead.load.running == 1)
    call.cancel()
    assert await bulkhead.run(lambda _: "free", PATIENCE) == "free"
    bulkhead.close()


@pytest.mark.anyio
async def test_a_call_that_never_began_says_so(release: threading.Event) -> None:
    bulkhead = make(threads=1)
    hanging = asyncio.ensure_future(bulkhead.run(lambda _: release.wait(), PATIENCE))
    await until(lambda: bulkhead.load.running == 1)
    with pytest.raises(NeverAsked, match=r"Cloud test had no free thread within 0\.05 s"):
        await bulkhead.run(lambda _: None, 0.05)
    assert bulkhead.load.waiting == 0
    release.set()
    await hanging
    bulkhead.close()


@pytest.mark.anyio
async def test_lost_threads_are_replaced_counted_and_bounded(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_core.clouds.bulkhead.GRACE", 0.05)
    bulkhead = Bulkhead("Cloud hanging", threads=2, queue=10)

    async def hang() -> None:
        with pytest.raises(CloudTimeout):
            await bulkhead.run(lambda _: release.wait(), 0.05)

    await asyncio.gather(hang(), hang())
    await until(lambda: bulkhead.load.lost == 2)
    assert await bulkhead.run(lambda _: "replaced", PATIENCE) == "replaced"
    await asyncio.gather(hang(), hang())
    with pytest.raises(CloudBusy, match="has no thread left"):
        await bulkhead.run(lambda _: None, PATIENCE)
    await asyncio.sleep(0.15)  # three times the grace: no more threads are replaced
    assert (bulkhead.load.lost, bulkhead.load.overdue) == (2, 4)
    threads = [t for t in threading.enumerate() if t.name.startswith("Cloud hanging ")]
    assert len(threads) == 4
    release.set()
    await until(lambda: bulkhead.load.overdue == 0)
    assert bulkhead.load.lost == 0
    assert await bulkhead.run(lambda _: "back", PATIENCE) == "back"
    await until(lambda: sum(thread.is_alive() for thread in threads) <= 2)
    bulkhead.close()


@pytest.mark.anyio
async def test_a_place_among_the_lost_that_becomes_free_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator_core.clouds.bulkhead.GRACE", 0.03)
    bulkhead = make(threads=1)
    ends = [threading.Event(), threading.Event()]

    async def hang(end: threading.Event, overdue: int) -> None:
        with pytest.raises(CloudTimeout):
            await bulkhead.run(lambda _: end.wait(PATIENCE), 0.05)
        await until(lambda: bulkhead.load.overdue == overdue)
        await asyncio.sleep(0.1)

    await hang(ends[0], 1)
    await hang(ends[1], 2)
    assert (bulkhead.load.lost, bulkhead.load.running) == (1, 1)
    ends[0].set()
    await until(lambda: (bulkhead.load.lost, bulkhead.load.running) == (1, 0))
    assert await bulkhead.run(lambda _: "free", PATIENCE) == "free"
    ends[1].set()
    bulkhead.close()


@pytest.mark.anyio
async def test_a_job_sees_that_no_caller_waits_for_it() -> None:
    bulkhead = make(threads=1)
    ended = threading.Event()

    def polite(deadline: Deadline) -> None:
        while not deadline.passed:
            time.sleep(0.005)
        ended.set()

    call = asyncio.ensure_future(bulkhead.run(polite, 3600))
    await until(lambda: bulkhead.load.running == 1)
    call.cancel()
    await until(ended.is_set)
    bulkhead.close()


def test_an_aborter_that_was_idle_works_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_core.clouds.aborter._IDLE_SECONDS", 0.02)
    aborter, told = Aborter("Cloud test abort"), threading.Semaphore(0)
    for _ in range(3):
        aborter.call(lambda _: told.release(), Deadline(1))
        assert told.acquire(timeout=PATIENCE)
        time.sleep(0.1)
