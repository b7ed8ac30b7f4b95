"""The meter of this process, which the core tells what happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator_core.traces.tracer import TraceIds


class EndedRequest(NamedTuple):
    """An answered request.

    Attributes:
        route: the template of its path, never the path itself.
        method: its method.
        status: the status of its answer.
        seconds: the time until the answer's end.
        ended_at: the time of the answer's end, in seconds since 1970.
        request_id: its id.
        caller: the caller's name, if one is known.
        address: the client's address.
        has_clients_words: whether the client has chosen the id or an unknown method, either of
            which may contain anything.
        operation_id: the operation that it recorded, if any.
        trace: its span, if it is traced.
    """

    route: str
    method: str
    status: int
    seconds: float
    ended_at: float
    request_id: str
    caller: str | None
    address: str
    has_clients_words: bool
    operation_id: str | None = None
    trace: TraceIds | None = None


@dataclass(frozen=True, slots=True)
class TargetLoad:
    """The load of one cloud or assignment backend in this process.

    Attributes:
        circuit: the state of its circuit breaker.
    """

    running: int
    waiting: int
    overdue: int
    lost: int
    circuit: str


class Meter:
    """A meter that measures nothing; :class:`~orchestrator_core.metrics.recording.Recording` does.

    No method raises an error or waits.
    """

    def requests(self, ended: Sequence[EndedRequest]) -> None:
        """Count answered requests."""

    def call(self, target: str, name: str, hook: str, outcome: str, seconds: float | None) -> None:
        """Count one attempt of a call.

        Args:
            target: ``cloud`` or ``backend``.
            name: the name of the section.
            hook: the hook.
            outcome: ``ok``, ``abandoned`` or an error code.
            seconds: the time of the attempt; None for a call that was refused here.
        """

    def load(self, target: str, name: str, load: TargetLoad) -> None:
        """Set the load of a cloud or an assignment backend in this process."""

    def transaction(self, mode: str, outcome: str, seconds: float) -> None:
        """Count a use of the database: ``read`` or ``write``, ``ok`` or ``error``."""

    def operation_ended(self, kind: str, state: str) -> None:
        """Count an operation that has ended."""

    def failed_login(self) -> None:
        """Count a request without a valid token."""

    def keep_room(self) -> None:
        """Reserve room for further measurements; call this every few seconds."""


class _Current:
    meter: Meter = Meter()


def meter() -> Meter:
    """Return the meter of this process."""
    return _Current.meter


def use(one: Meter) -> None:
    """Use a meter for this process from now on."""
    _Current.meter = one
