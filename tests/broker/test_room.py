"""Changes that wait for room in a cloud: callers take turns."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_core.broker.changes.room import RoomTurns
from orchestrator_core.origin import Lane, Origin, origin

pytestmark = pytest.mark.anyio


class Waiters:
    """Changes that wait for a turn, and the order in which they get it."""

    def __init__(self) -> None:
        self.turns = RoomTurns()
        self.order: list[str] = []

    def wait(self, caller: str, seconds: float = 10.0) -> asyncio.Task[None]:
        origin.set(Origin(caller, Lane.CHANGE))
        return asyncio.ensure_future(self._wait(caller, seconds))

    async def _wait(self, caller: str, seconds: float) -> None:
        async with self.turns.turn("sky", seconds):
            self.order.append(caller)
            await asyncio.sleep(0)


async def test_callers_take_turns() -> None:
    waiters = Waiters()
    tasks = [waiters.wait("many") for _ in range(20)]
    await asyncio.sleep(0)
    tasks.append(waiters.wait("one"))
    await asyncio.gather(*tasks)
    assert waiters.order.index("one") <= 4
    assert len(waiters.order) == 21


async def test_other_clouds_do_not_wait() -> None:
    turns = RoomTurns()
    async with turns.turn("sky", 1), asyncio.timeout(5), turns.turn("sea", 1):
        pass


async def test_a_turn_that_does_not_come_in_time() -> None:
    waiters = Waiters()
    async with waiters.turns.turn("sky", 1):
        with pytest.raises(TimeoutError):
            await waiters.wait("one", seconds=0.02)
    await waiters.wait("two")
    assert waiters.order == ["two"]


async def test_who_leaves_takes_no_turn() -> None:
    waiters = Waiters()
    async with waiters.turns.turn("sky", 1):
        left, stays = waiters.wait("left"), waiters.wait("stays")
        await asyncio.sleep(0)
        left.cancel()
    await stays
    assert waiters.order == ["stays"]


async def test_a_turn_of_one_who_leaves_in_that_moment_is_passed_on() -> None:
    waiters = Waiters()
    async with waiters.turns.turn("sky", 1):
        left, stays = waiters.wait("left"), waiters.wait("stays")
        await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait_for(stays, 5)
    assert waiters.order == ["stays"]
