"""The meter that writes into files, with prometheus-client's multiprocess mode."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec

import structlog
from prometheus_client import CollectorRegistry, Gauge, Histogram, values
from prometheus_client import Counter as CounterMetric

from orchestrator_core.metrics import catalogue
from orchestrator_core.metrics.catalogue import OF_CALLS, Kind, Spec
from orchestrator_core.metrics.meter import EndedRequest, Meter, TargetLoad, meter, use
from orchestrator_core.metrics.slots import Slot

_log = structlog.get_logger(__name__)

_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
"""The method of requests with an unknown one, which could have any number of names."""

_CIRCUITS: Final = ("closed", "open", "half_open")

P = ParamSpec("P")

_changing: Final = threading.Lock()
"""Held while the meter is replaced, so that one thread alone closes or begins a recording."""


def record(directory: Path) -> None:
    """Record the measurements of this process from now on, below a run directory.

    A process with several applications, such as one of tests, records them together.
    """
    folder = directory / catalogue.FOLDER
    with _changing:
        before = meter()
        if isinstance(before, Recording) and before.is_of(folder):
            return
        use(Meter())
    if isinstance(before, Recording):
        before.close()
    try:
        use(Recording(Slot(folder), folder))
    except OSError as error:
        use(Paused(folder))
        _log.warning("metrics are not recorded", why=str(error))


class Paused(Meter):
    """The meter of a process that cannot record now, such as on a full disk, and tries again.

    Args:
        folder: the folder of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep_room(self) -> None:
        """Record again, if that is possible now."""
        with _changing, suppress(OSError):
            if meter() is self:
                use(Recording(Slot(self._folder), self._folder))
                _log.info("metrics are recorded again")


def _contained(
    method: Callable[Concatenate[Recording, P], None],
) -> Callable[Concatenate[Recording, P], None]:
    """Return a method that pauses the recording when it fails, and raises nothing."""

    @wraps(method)
    def contained(self: Recording, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - what is measured must not fail with it
            self.pause(f"{type(error).__name__}: {error}")

    return contained


class Recording(Meter):
    """The meter of a process that has a slot.

    Args:
        slot: the slot of this process.
        folder: the folder of the files.
    """

    def __init__(self, slot: Slot, folder: Path) -> None:
        self._slot = slot
        self._folder = folder
        self._process = os.getpid()
        os.environ[_VARIABLE] = str(folder)
        # Prometheus-client chooses the class at its import and has no argument for another one.
        make_class: Callable[[Callable[[], int]], Any] = values.MultiProcessValue
        values.ValueClass = self._values = make_class(lambda: slot.number)
        registry = CollectorRegistry()
        self._made = {spec: _make(spec, registry) for spec in catalogue.SPECS if _is_measured(spec)}
        self._calls: dict[tuple[str, str, str, str], tuple[Any, Any]] = {}
        self._transactions: dict[tuple[str, str], Any] = {}
        self._loads: dict[tuple[str, str], TargetLoad] = {}
        self._failed_logins = self._made[catalogue.FAILED_LOGINS]

    def is_of(self, folder: Path) -> bool:
        """Return whether this is the recording of this process, not of its parent, in a folder."""
        return self._folder == folder and self._process == os.getpid()

    def pause(self, why: str) -> None:
        """Stop recording until it is possible again."""
        with _changing:
            if meter() is not self:
                return  # another thread has replaced it, and closes it
            use(Paused(self._folder))
        _log.warning("metrics are not recorded", why=why)
        with suppress(OSError):
            self.close()

    def close(self) -> None:
        """Stop recording, and leave the number to another process."""
        self._values.close_all_files()
        if self._process == os.getpid():
            self._slot.close()

    @_contained
    def requests(self, ended: Sequence[EndedRequest]) -> None:
        """Count answered requests."""
        counts: Counter[tuple[str, str, int]] = Counter()
        seconds: dict[tuple[str, str], list[float]] = {}
        for one in ended:
            method = one.method if one.method in _METHODS else _OTHER
            counts[one.route, method, one.status] += 1
            seconds.setdefault((one.route, method), []).append(one.seconds)
        for (route, method, status), count in counts.items():
            self._made[catalogue.REQUESTS].labels(route, method, status).inc(count)
        for labels, many in seconds.items():
            self._made[catalogue.REQUEST_SECONDS].labels(*labels).observe_all(many)

    @_contained
    def call(self, target: str, name: str, hook: str, outcome: str, seconds: float | None) -> None:
        """Count one attempt of a call."""
        key = (target, name, hook, outcome)
        pair = self._calls.get(key)
        if pair is None:
            specs = OF_CALLS[target]
            pair = self._calls[key] = (
                self._made[specs.calls].labels(name, hook, outcome),
                self._made[specs.seconds].labels(name, hook),
            )
        pair[0].inc()
        if seconds is not None:
            pair[1].observe(seconds)

    @_contained
    def load(self, target: str, name: str, load: TargetLoad) -> None:
        """Set the load of a cloud or an assignment backend in this process, if it has changed."""
        if self._loads.get((target, name)) == load:
            return
        self._loads[target, name] = load
        specs = OF_CALLS[target]
        for spec, value in (
            (specs.running, load.running),
            (specs.waiting, load.waiting),
            (specs.overdue, load.overdue),
            (specs.lost, load.lost),
        ):
            self._made[spec].labels(name).set(value)
        for state in _CIRCUITS:
            self._made[specs.circuit].labels(name, state).set(state == load.circuit)

    @_contained
    def transaction(self, mode: str, outcome: str, seconds: float) -> None:
        """Count a use of the database."""
        one = self._transactions.get((mode, outcome))
        if one is None:
            one = self._made[catalogue.TRANSACTION_SECONDS].labels(mode, outcome)
            self._transactions[mode, outcome] = one
        one.observe(seconds)

    @_contained
    def operation_ended(self, kind: str, state: str) -> None:
        """Count an operation that has ended."""
        self._made[catalogue.OPERATIONS_ENDED].labels(kind, state).inc()

    @_contained
    def failed_login(self) -> None:
        """Count a request without a valid token."""
        self._failed_logins.inc()

    @_contained
    def keep_room(self) -> None:
        """Reserve room for further measurements; without it, pause the recording."""
        self._slot.grow()


class _Histogram(Histogram):
    """A histogram that takes many values at once, which costs little more than one."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """Count these values."""
        self._sum.inc(sum(amounts))
        found = Counter(bisect_left(self._upper_bounds, amount) for amount in amounts)
        for bucket, count in found.items():
            self._buckets[bucket].inc(count)


def _is_measured(spec: Spec) -> bool:
    return spec in catalogue.MEASURED or any(spec in one.all for one in OF_CALLS.values())


def _make(spec: Spec, registry: CollectorRegistry) -> Any:
    name, about = spec.full_name, spec.meaning
    if spec.kind is Kind.COUNTER:
        return CounterMetric(name, about, spec.labels, registry=registry)
    if spec.kind is Kind.HISTOGRAM:
        return _Histogram(name, about, spec.labels, registry=registry, buckets=spec.buckets)
    # The gauge of a process ends with it; the others are added up.
    return Gauge(name, about, spec.labels, registry=registry, multiprocess_mode="livesum")
