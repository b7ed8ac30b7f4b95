"""Changes without their caller: they continue once begun, and are dropped before."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_core.broker.changes.in_flight import InFlight
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import CloudError

pytestmark = pytest.mark.anyio


async def test_once_begun_it_goes_on_without_its_caller() -> None:
    in_flight, begun, answer, ended = InFlight(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def change(permit: Permit) -> None:
        permit.begin()
        begun.set()
        await answer.wait()
        ended.set()

    caller = asyncio.ensure_future(in_flight.run(change))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not ended.is_set()
    answer.set()
    await in_flight.drain()
    assert ended.is_set()


async def test_before_it_begins_it_is_dropped_with_its_caller() -> None:
    in_flight, dropped = InFlight(), False

    async def change(permit: Permit) -> None:
        nonlocal dropped
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            dropped = True
            raise
        permit.begin()

    caller = asyncio.ensure_future(in_flight.run(change))
    await asyncio.sleep(0.01)
    caller.cancel()
    await in_flight.drain()
    assert dropped


async def test_a_permit_is_either_used_or_withdrawn() -> None:
    used = Permit()
    used.begin()
    assert not used.withdraw()
    used.begin()  # a repeat of the change under way
    withdrawn = Permit()
    assert withdrawn.withdraw()
    with pytest.raises(CloudError):
        withdrawn.begin()
    assert not withdrawn.begun
