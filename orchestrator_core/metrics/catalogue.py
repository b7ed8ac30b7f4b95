"""All metrics: their names, labels and meanings, for the code and for the reference page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

FOLDER: Final = "metrics"
"""The folder of the processes' files, below the run directory."""


class Kind(Enum):
    """The type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Spec:
    """One metric.

    Attributes:
        name: the name without the prefix ``orchestrator_``, and for a counter without ``_total``.
        meaning: the help text.
        labels: the names of the labels.
        buckets: the upper limits of a histogram's buckets.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name of the metric's family."""
        return f"orchestrator_{self.name}"

    @property
    def shown_name(self) -> str:
        """The name by which queries find the metric's samples."""
        return self.full_name + ("_total" if self.kind is Kind.COUNTER else "")


_SHORT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_CALLS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_STATEMENTS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

REQUESTS: Final = Spec(
    "http_requests",
    Kind.COUNTER,
    "Answered requests. Status 499 means that the client left before its answer.",
    ("route", "method", "status"),
)
REQUEST_SECONDS: Final = Spec(
    "http_request_duration_seconds",
    Kind.HISTOGRAM,
    "Time from a request's head to the end of its answer.",
    ("route", "method"),
    _SHORT,
)
FAILED_LOGINS: Final = Spec(
    "failed_logins", Kind.COUNTER, "Requests without a valid token, to routes that need one."
)
TRANSACTION_SECONDS: Final = Spec(
    "database_duration_seconds",
    Kind.HISTOGRAM,
    "Time of reads and writes of the database, with the wait for a thread and a connection.",
    ("mode", "outcome"),
    _STATEMENTS,
)
OPERATIONS_ENDED: Final = Spec(
    "operations_ended", Kind.COUNTER, "Operations that have ended.", ("kind", "state")
)

MEASURED: Final = (
    REQUESTS,
    REQUEST_SECONDS,
    FAILED_LOGINS,
    TRANSACTION_SECONDS,
    OPERATIONS_ENDED,
)
"""The metrics that each process measures, beside those of its plugins."""

TARGETS: Final = ("cloud", "backend")
"""The kinds of plugins with calls: clouds and assignment backends."""


@dataclass(frozen=True, slots=True)
class CallSpecs:
    """The metrics of the calls into the clouds, or into the assignment backends."""

    calls: Spec
    seconds: Spec
    running: Spec
    waiting: Spec
    overdue: Spec
    lost: Spec
    circuit: Spec

    @property
    def all(self) -> tuple[Spec, ...]:
        """All of them."""
        gauges = (self.running, self.waiting, self.overdue, self.lost, self.circuit)
        return (self.calls, self.seconds, *gauges)


def _of_calls(target: str) -> CallSpecs:
    def gauge(name: str, meaning: str, *labels: str) -> Spec:
        return Spec(f"{target}_{name}", Kind.GAUGE, meaning, (target, *labels))

    return CallSpecs(
        calls=Spec(
            f"{target}_calls",
            Kind.COUNTER,
            "Attempts of calls. The outcome is `ok`, `abandoned` or an error code.",
            (target, "hook", "outcome"),
        ),
        seconds=Spec(
            f"{target}_call_duration_seconds",
            Kind.HISTOGRAM,
            "Time of attempts, with the wait in the queue.",
            (target, "hook"),
            _CALLS,
        ),
        running=gauge("calls_running", "Calls that run now, in all processes."),
        waiting=gauge("queue_waiting", "Calls that wait for a thread, in all processes."),
        overdue=gauge("calls_overdue", "Running calls whose caller no longer waits."),
        lost=gauge("threads_lost", "Threads that did not return and were replaced."),
        circuit=gauge("circuit", "Processes whose circuit breaker is in this state.", "state"),
    )


OF_CALLS: Final = {target: _of_calls(target) for target in TARGETS}


def _figure(name: str, meaning: str, *labels: str) -> Spec:
    return Spec(name, Kind.GAUGE, meaning, labels)


BUILD: Final = _figure("build_info", "1, with the version of the core.", "version")
DATABASE_UP: Final = _figure(
    "database_up", "1 if the figures below could be read, 0 if not; they are missing then."
)
DATABASE_READ: Final = _figure(
    "database_figures_seconds", "Time in which the figures below were read."
)
OPERATIONS: Final = _figure("operations", "Operations that have not ended.", "kind", "state")
OPERATION_AGE: Final = _figure(
    "operation_oldest_age_seconds",
    "Age of the oldest operation that has not ended.",
    "kind",
    "state",
)
VMS: Final = _figure("vms", "VMs that are not gone.", "cloud", "state")
ASSIGNMENTS: Final = _figure("assignments", "Assignments that have not ended.", "cloud", "state")
LEASES: Final = _figure(
    "leases_ending",
    "Leases that end within these seconds; `0` counts those that have ended but still show.",
    "cloud",
    "within",
)
ORPHANS: Final = _figure("orphans", "Orphans that no operator ignores.", "cloud", "reason")
SCAN_AGE: Final = _figure(
    "orphan_scan_age_seconds", "Time since the last orphan scan of a cloud.", "cloud"
)
SCAN_FAILED: Final = _figure(
    "orphan_scan_failed", "1 if the last orphan scan of a cloud failed, else 0.", "cloud"
)
WORKER_LAG: Final = _figure(
    "worker_lag_seconds", "Time for which the operation that is due longest waits for a worker."
)
WORKER_SILENT: Final = _figure(
    "worker_silent_seconds", "Time since the last heartbeat of any durable worker."
)
PROCESSES: Final = _figure("processes", "Processes with a recent heartbeat.", "kind")
HELD: Final = _figure("destruction_held", "1 while nothing is destroyed, else 0.")
CLOCK: Final = _figure("clock_in_doubt", "1 while the database's clock is not trusted, else 0.")

FIGURES: Final = (
    *(OPERATIONS, OPERATION_AGE, VMS, ASSIGNMENTS, LEASES, ORPHANS, SCAN_AGE, SCAN_FAILED),
    *(WORKER_LAG, WORKER_SILENT, PROCESSES, HELD, CLOCK),
)
"""The metrics that a scrape reads from the database: figures of the whole installation."""

SPECS: Final = (
    *MEASURED,
    *(spec for target in TARGETS for spec in OF_CALLS[target].all),
    *(BUILD, DATABASE_UP, DATABASE_READ),
    *FIGURES,
)
"""All metrics."""
