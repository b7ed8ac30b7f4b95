"""Admission: callers take turns, and each has a limited number of requests in flight."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_core.api.admission import Admission
from orchestrator_core.api.errors import TooManyRequests

MANY, ONE = "many", "one"


@pytest.mark.anyio
async def test_a_request_is_not_behind_those_of_another_caller() -> None:
    admission = Admission(1000)
    order: list[str] = []

    async def request(caller: str) -> None:
        await admission.wait_for_turn(caller)
        order.append(caller)

    flood = [asyncio.ensure_future(request(MANY)) for _ in range(700)]
    await asyncio.sleep(0)
    await request(ONE)
    assert order.index("one") < 5
    await asyncio.gather(*flood)
    assert len(order) == 701


@pytest.mark.anyio
async def test_few_requests_go_on_in_one_round_of_the_loop() -> None:
    admission = Admission(1000)
    gone_on = 0

    async def request() -> None:
        nonlocal gone_on
        await admission.wait_for_turn(MANY)
        gone_on += 1

    flood = [asyncio.ensure_future(request()) for _ in range(50)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert gone_on < 10
    await asyncio.gather(*flood)


@pytest.mark.anyio
async def test_a_request_whose_client_left_takes_no_turn() -> None:
    admission = Admission(1000)
    flood = [asyncio.ensure_future(admission.wait_for_turn(MANY)) for _ in range(100)]
    await asyncio.sleep(0)
    for task in flood[1:]:
        task.cancel()
    await asyncio.wait_for(admission.wait_for_turn(MANY), 5)


@pytest.mark.anyio
async def test_what_is_in_flight_is_counted_by_caller() -> None:
    admission = Admission(2)
    leave, _ = admission.enter("many"), admission.enter("many")
    with pytest.raises(TooManyRequests):
        admission.enter("many")
    admission.enter("one")
    leave()
    admission.enter("many")


def test_it_goes_on_in_another_event_loop() -> None:
    admission = Admission(1)
    for _ in range(2):

        async def several() -> None:
            await asyncio.gather(*(admission.wait_for_turn(ONE) for _ in range(5)))

        asyncio.run(several())
