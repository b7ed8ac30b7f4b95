"""The caller and the lane of the current work, for queues that divide work fairly."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from enum import IntEnum
from typing import Final, NamedTuple


class Lane(IntEnum):
    """The part of a queue in which work waits; changes go ahead of reads."""

    CHANGE = 0
    READ = 1


class Origin(NamedTuple):
    """The source of a piece of work.

    Attributes:
        caller: the unique text of a caller; empty for work of the server itself.
        lane: the lane of the work; changes of callers and reads are queued separately.
    """

    caller: str = ""
    lane: Lane = Lane.READ


_CALLER: Final = "caller "
_ADDRESS: Final = "address "


def caller_key(name: str) -> str:
    """Return the key of a caller with a name."""
    return f"{_CALLER}{name}"


def address_key(address: str) -> str:
    """Return the key of a caller without a name."""
    return f"{_ADDRESS}{address}"


def shown(one: Origin) -> dict[str, str]:
    """Return the fields of a log line for an origin: its caller, or its address."""
    key = one.caller
    if key.startswith(_CALLER):
        return {"caller": key.removeprefix(_CALLER)}
    return {"address": key.removeprefix(_ADDRESS)} if key else {}


SERVER: Final = Origin()

origin: ContextVar[Origin] = ContextVar("orchestrator_origin", default=SERVER)
"""The origin of this task's work; every request has its own."""


class Sharers:
    """The origins of callers that wait for one shared piece of work.

    Used only from the event loop.

    Args:
        first: the origin for which the work was begun.

    Attributes:
        origins: all origins without repetition, in the order in which they joined.
        on_join: the function that is called with each further origin while the work is queued.
    """

    __slots__ = ("on_join", "origins")

    def __init__(self, first: Origin) -> None:
        self.origins = [first]
        self.on_join: Callable[[Origin], None] | None = None

    def join(self, one: Origin) -> None:
        """Add the origin of another caller that waits for the work."""
        if one in self.origins:
            return
        self.origins.append(one)
        if self.on_join is not None:
            self.on_join(one)


sharers: ContextVar[Sharers | None] = ContextVar("orchestrator_sharers", default=None)
"""The callers that wait for this task's work, if several may do so."""
