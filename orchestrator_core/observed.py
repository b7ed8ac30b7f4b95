"""Work that is both measured and traced: uses of the database, and attempts of operations.

Calls of clouds and backends are observed in :mod:`orchestrator_core.clouds.journal`, which logs
them too.
"""

from __future__ import annotations

import time
from types import TracebackType

from orchestrator_core.metrics.meter import meter
from orchestrator_core.traces.tracer import Span, SpanKind, tracer


class Transaction:
    """A context around a use of the database, with the wait for a thread and a connection.

    Args:
        mode: ``read`` or ``write``.
        system: ``sqlite`` or ``postgresql``.
    """

    __slots__ = ("_began_at", "_mode", "_span", "_system")

    def __init__(self, mode: str, system: str) -> None:
        self._mode = mode
        self._system = system

    def __enter__(self) -> None:
        """Begin to measure."""
        self._began_at = time.monotonic()
        attributes = {"db.system.name": self._system}
        self._span = tracer().span(f"database {self._mode}", SpanKind.CLIENT, attributes)
        self._span.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Measure the use; an error that leaves it is its outcome."""
        seconds = time.monotonic() - self._began_at
        meter().transaction(self._mode, "ok" if kind is None else "error", seconds)
        self._span.__exit__(kind, error, trace)


def change(kind: str, cloud: str, operation_id: str | None) -> Span:
    """Return a span around a change, while its caller waits.

    Args:
        kind: the kind of its operation.
        cloud: the name of the cloud.
        operation_id: the id under which it is recorded; None for a change that is not.
    """
    attributes: dict[str, str | int] = {
        "orchestrator.operation.kind": kind,
        "orchestrator.cloud": cloud,
    }
    if operation_id is not None:
        attributes["orchestrator.operation.id"] = operation_id
    return tracer().span(f"operation {kind}", SpanKind.INTERNAL, attributes)


def attempt(kind: str, cloud: str, operation_id: str, number: int, parent: str | None) -> Span:
    """Return a span around an attempt of the durable worker.

    Args:
        kind: the kind of the operation.
        cloud: the name of the cloud.
        operation_id: its id.
        number: the number of the attempt.
        parent: the span of the request that began the operation; None if it is not known.
    """
    attributes: dict[str, str | int] = {
        "orchestrator.operation.kind": kind,
        "orchestrator.cloud": cloud,
        "orchestrator.operation.id": operation_id,
        "orchestrator.attempt": number,
    }
    return tracer().continued(parent, f"operation {kind}", SpanKind.CONSUMER, attributes)
