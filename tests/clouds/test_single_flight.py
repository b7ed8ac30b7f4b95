"""Single flight: concurrent equal work runs once, as long as a caller waits for it."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_core.clouds.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


class Work:
    def __init__(self) -> None:
        self.begun = self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


async def waiting(flights: SingleFlight, work: Work, count: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(flights.run("key", work)) for _ in range(count)]
    await asyncio.sleep(0.01)
    return tasks


async def test_all_get_the_one_result() -> None:
    flights, work = SingleFlight(), Work()
    tasks = await waiting(flights, work, 50)
    work.go.set()
    assert await asyncio.gather(*tasks) == [1] * 50
    assert await flights.run("key", work) == 2


async def test_all_get_the_one_error() -> None:
    flights = SingleFlight()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("x")

    results = await asyncio.gather(
        *(flights.run("key", fail) for _ in range(5)), return_exceptions=True
    )
    assert {type(result) for result in results} == {ValueError}


async def test_other_keys_are_other_work() -> None:
    flights, work = SingleFlight(), Work()
    work.go.set()
    assert tuple(await asyncio.gather(flights.run("a", work), flights.run("b", work))) == (1, 2)


async def test_who_leaves_takes_nothing_from_the_others() -> None:
    flights, work = SingleFlight(), Work()
    first, second = await waiting(flights, work, 2)
    first.cancel()
    await asyncio.sleep(0.01)
    work.go.set()
    assert await second == 1
    assert work.cancelled == 0


async def test_when_the_last_one_leaves_it_ends_and_the_next_begins_anew() -> None:
    flights, work = SingleFlight(), Work()
    for task in await waiting(flights, work, 3):
        task.cancel()
    await asyncio.sleep(0.01)
    assert work.cancelled == 1
    work.go.set()
    assert await flights.run("key", work) == 2


async def test_what_is_forgotten_is_not_joined_and_still_lands() -> None:
    flights, work = SingleFlight(), Work()
    (early,) = await waiting(flights, work, 1)
    flights.forget()
    (late,) = await waiting(flights, work, 1)
    work.go.set()
    assert tuple(await asyncio.gather(early, late)) == (1, 2)


async def test_what_is_about_to_end_is_not_joined() -> None:
    flights = SingleFlight()
    leaving = asyncio.Event()

    async def slow_to_leave() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await leaving.wait()
            raise
        return "never"

    async def quick() -> str:
        return "anew"

    first = asyncio.ensure_future(flights.run("key", slow_to_leave))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    assert await flights.run("key", quick) == "anew"
    leaving.set()
    await asyncio.sleep(0.01)


async def test_what_was_forgotten_does_not_take_the_place_of_its_successor() -> None:
    flights, early, late = SingleFlight(), Work(), Work()
    (first,) = await waiting(flights, early, 1)
    flights.forget()
    (second,) = await waiting(flights, late, 1)
    early.go.set()
    await first
    (third,) = await waiting(flights, late, 1)
    late.go.set()
    await asyncio.gather(second, third)
    assert late.begun == 1
