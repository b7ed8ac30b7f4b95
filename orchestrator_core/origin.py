"""The caller and the lane of the work that is being done, for queues that divide it fairly."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from enum import IntEnum
from typing import Final, NamedTuple


class Lane(IntEnum):
    """The part of a queue that a piece of work waits in; changes go ahead of reads."""

    CHANGE = 0
    READ = 1


class Origin(NamedTuple):
    """Where a piece of work comes from.

    Attributes:
        caller: one text for each caller; empty for work of the server itself.
        lane: changes of callers and reads are queued apart.
    """

    caller: str = ""
    lane: Lane = Lane.READ


def caller_key(name: str) -> str:
    """Return what stands for a caller with a name; callers without one go by their address."""
    return f"caller {name}"


SERVER: Final = Origin()

origin: ContextVar[Origin] = ContextVar("orchestrator_origin", default=SERVER)
"""The origin of the work of this task; every request has its own."""


class Sharers:
    """The origins of callers that wait for one shared piece of work.

    Used from the event loop alone.

    Args:
        first: the origin that the work was begun for.

    Attributes:
        origins: each one once, the first one first.
        on_join: told of each further one, while the work waits in a queue.
    """

    __slots__ = ("on_join", "origins")

    def __init__(self, first: Origin) -> None:
        self.origins = [first]
        self.on_join: Callable[[Origin], None] | None = None

    def join(self, one: Origin) -> None:
        """Note that a caller waits for the work, too."""
        if one in self.origins:
            return
        self.origins.append(one)
        if self.on_join is not None:
            self.on_join(one)


sharers: ContextVar[Sharers | None] = ContextVar("orchestrator_sharers", default=None)
"""The callers that wait for the work of this task, where several may do so."""
