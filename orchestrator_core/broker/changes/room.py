"""Turns of callers that wait for room among the changes of a cloud."""

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
    """Lets one change of a cloud at a time look for room; the others wait in their callers' turn.

    If each of them looked for itself, the room that becomes free would go to whoever has most
    changes waiting, and each look is a transaction.
    """

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def turn(self, cloud: str, seconds: float) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the block ends.

        Raises:
            TimeoutError: when it does not come within so many seconds.
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
                self._pass_on(gate)  # it came, but too late
            raise
        finally:
            gate.waiting.remove(turn)

    @staticmethod
    def _pass_on(gate: _Gate) -> None:
        while (turn := gate.waiting.pop()) is not None:
            if not turn.done():
                turn.set_result(None)
                return  # the gate stays taken
        gate.is_taken = False
