"""Turns on the event loop: one piece of work in each of its rounds, with callers taking turns."""

from __future__ import annotations

import asyncio
from typing import Final

from orchestrator_core.fair_queue import FairQueue
from orchestrator_core.origin import Origin

_PIECES_PER_ROUND: Final = 1
"""Pieces that continue in one round of the event loop. Without this limit a caller with 700
connections would have 700 requests processed in one round, and the requests of all other callers
would wait for them.
"""


class Turns:
    """A queue of pieces of work for the event loop; used from one event loop at a time.

    A piece is what the loop does without a break, such as the beginning of a request or a portion
    of a long body. Callers take turns, whether they read or change: a caller with many changes must
    not delay another one's read.
    """

    def __init__(self) -> None:
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left = 0
        self._is_turning = False

    async def wait(self, caller: str) -> None:
        """Wait for the caller's turn; return at once unless there is other work."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._left, self._is_turning = loop, _PIECES_PER_ROUND, False
            self._waiting = FairQueue()
        if self._left and not self._waiting:
            self._left -= 1
            self._turn_later()
            return
        turn = loop.create_future()
        self._waiting.add(turn, [Origin(caller)])
        self._turn_later()
        try:
            await turn
        finally:
            self._waiting.remove(turn)

    def _turn_later(self) -> None:
        if not self._is_turning and self._loop is not None:
            self._is_turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turning = False
        self._left = _PIECES_PER_ROUND
        while self._left and (turn := self._waiting.pop()) is not None:
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        if self._left < _PIECES_PER_ROUND:
            self._turn_later()
