"""Turns of callers that wait for a free place among a cloud's concurrent changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator_core.fair_queue import FairQueue
from orchestrator_core.origin import origin


class _Gate:
    def __init__(self) -> None:
        self.waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self.is_taken = False


class RoomTurns:
    """Turns in which the waiting changes of a cloud look for room, one at a time.

    The other changes wait, and the callers take turns. If each change looked for itself, a free
    place would go to the caller with the most waiting changes. Each look is also a transaction.
    """

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def turn(self, cloud: str, seconds: float) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the block ends.

        Raises:
            TimeoutError: when the turn does not come within the given seconds.
        """
        gate = self._gates.setdefault(cloud, _Gate())
        if gate.is_taken:
            await self._wait(gate, seconds)
        gate.is_taken = True
        try:
            yield
        finally:
            self._pass_on(gate)

    async def _wait(self, gate: _Gate, seconds: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        gate.waiting.add(turn, [origin.get()])
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._pass_on(gate)  # The turn came, but too late.
            raise
        finally:
            gate.waiting.remove(turn)

    @staticmethod
    def _pass_on(gate: _Gate) -> None:
        while (turn := gate.waiting.pop()) is not None:
            if not turn.done():
                turn.set_result(None)
                return  # The gate stays taken.
        gate.is_taken = False
