"""Outcomes of the calls into a plugin: a log line, a measurement and a span for each.

The last ones stay in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from orchestrator_core.errors import (
    CloudBusy,
    OrchestratorError,
    RequestError,
    Unsupported,
    outcome_of,
)
from orchestrator_core.metrics.meter import meter
from orchestrator_core.origin import origin, shown
from orchestrator_core.traces.tracer import Span, SpanKind, tracer

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """The last successful call, or the last failed one.

    Attributes:
        at: the time at which the call ended.
        error_code: the stable code of the error; None for a successful call.
    """

    operation: str
    at: datetime
    error_code: str | None = None
    message: str | None = None


class Journal:
    """The journal of one cloud or backend in this process.

    Args:
        labels: the fields of every log line, for example ``{"cloud": "aws"}``.

    Attributes:
        last_success: the last successful call.
        last_error: the last failed call, except those that failed because of the caller's request.
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._log = _log.bind(**labels)
        self._target, self._name = next(iter(labels.items()))
        self.last_success: Event | None = None
        self.last_error: Event | None = None

    def span(self, operation: str, attempt: int) -> Span:
        """Return the span of an attempt; the error that leaves it is its outcome.

        Args:
            operation: the operation.
            attempt: the number of the attempt.
        """
        attributes: dict[str, str | int] = {
            f"orchestrator.{self._target}": self._name,
            "orchestrator.hook": operation,
            "orchestrator.attempt": attempt,
        }
        return tracer().span(f"{self._target} {operation}", SpanKind.CLIENT, attributes)

    def not_called(self, operation: str, refusal: OrchestratorError) -> None:
        """Log a call that was refused here, before it reached the plugin."""
        meter().call(self._target, self._name, operation, refusal.code, None)
        self._log.debug("cloud not called", operation=operation, outcome=refusal.code)

    def renewed(self, failure: OrchestratorError | None) -> None:
        """Log that the credentials were read again, or why they could not be."""
        if failure is None:
            self._log.info("credentials renewed")
        else:
            self._log.error("credentials could not be renewed", why=failure.message)

    def ended(
        self,
        operation: str,
        attempt: int,
        seconds: float,
        error: BaseException | None,
        *,
        is_slow: bool = False,
    ) -> None:
        """Log and remember the end of an attempt.

        Args:
            operation: the operation.
            attempt: the number of the attempt.
            seconds: the time that it took, with the wait in the queue.
            error: its error.
            is_slow: whether it took so long that it is logged although it succeeded.
        """
        if isinstance(error, CloudBusy):
            self.not_called(operation, error)
            return
        outcome = outcome_of(error)
        meter().call(self._target, self._name, operation, outcome, seconds)
        line: dict[str, Any] = {
            "operation": operation,
            "attempt": attempt,
            "duration": round(seconds, 4),
            "outcome": outcome,
            **shown(origin.get()),
        }
        if error is None:
            self.last_success = Event(operation, datetime.now(UTC))
            (self._log.info if is_slow else self._log.debug)("cloud call", **line)
        elif isinstance(error, RequestError | Unsupported):
            self._log.info("cloud call", **line, why=error.message)
        elif isinstance(error, OrchestratorError):
            self.last_error = Event(operation, datetime.now(UTC), error.code, error.message)
            if error.network_fault:
                line["cause"] = error.network_fault
            self._log.warning("cloud call", **line, why=error.message)
        elif isinstance(error, asyncio.CancelledError):
            self._log.info("cloud call", **line)
        else:
            self._log.error("cloud call", **line, exc_info=error)
