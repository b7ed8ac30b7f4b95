"""The process of ``orchestrator worker``."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Final

import structlog

from orchestrator_core.app import make_components, sweep
from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.worker.worker import DurableWorker
from orchestrator_core.clouds.load import measure_load
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import SettingsError
from orchestrator_core.log import configure_logging
from orchestrator_core.running import note_server
from orchestrator_core.server.interpreter import spare_the_collector
from orchestrator_core.server.metrics_address import MetricsSocket, prepare
from orchestrator_core.server.serving import mark_serving, unmark
from orchestrator_core.server.supervisor import pulse
from orchestrator_core.server.systemd import Notifier
from orchestrator_core.settings.faults import settings_error
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.snapshot import proven
from orchestrator_core.traces.tracer import tracer

_log = structlog.get_logger(__name__)

_LOOK: Final = 0.5
"""The seconds between two checks of whether the supervisor still exists."""


def run(settings: Settings, *, supervisor: int | None) -> None:
    """Run the durable worker until SIGTERM or SIGINT, or until the supervisor has ended.

    Args:
        settings: the settings of the server.
        supervisor: the pid of the parent with which this process ends; None for a process that runs
            alone.

    Raises:
        OrchestratorError: when the settings or the database do not allow it.
    """
    if settings.state is None:
        missing = (("state",), "is missing; a durable worker needs a database")
        raise settings_error([missing], settings.file, settings.origins)
    configure_logging(settings.server)
    # A worker beside web workers shares their files, which the web workers show.
    metrics = _begin_alone(settings) if supervisor is None else None
    components = make_components(settings, "worker", lenient=proven())
    components.note("worker")
    if supervisor is None:
        note_server(settings, kind="worker")
    spare_the_collector()
    broker = components.broker
    if not isinstance(broker, DurableBroker):
        raise SettingsError("state: is missing")
    worker = DurableWorker(broker, components.registry, settings.state)

    notifier, serving = Notifier.take(), threading.Event()
    unmark()  # the pid may be one of an earlier worker

    def stop() -> None:
        serving.clear()
        unmark()
        notifier.send("STOPPING=1", "STATUS=Finishing operations")
        worker.stop()

    async def live() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        watching = None if supervisor is None else asyncio.ensure_future(_watch(worker, supervisor))
        beating = asyncio.ensure_future(_beat(pulse(os.getpid()), notifier, serving))
        measuring = asyncio.ensure_future(measure_load(components.registry))
        await broker.start()
        shown = ExitStack()
        if metrics is not None:
            shown.enter_context(_showing(metrics, settings, broker, components.registry))
        _log.info("durable worker ready", process=broker.process.id)
        serving.set()
        mark_serving()
        notifier.send("READY=1", "STATUS=Running operations")
        try:
            await worker.run()
        finally:
            await asyncio.to_thread(shown.close)
            if watching is not None:
                watching.cancel()
            await broker.stop()
            await components.registry.close()
            beating.cancel()
            measuring.cancel()
            components.extensions.close()
            await asyncio.to_thread(tracer().close)

    asyncio.run(live())


def _begin_alone(settings: Settings) -> MetricsSocket | None:
    """Remove what killed servers have left, and open the socket for metrics."""
    sweep()
    return prepare(settings, [])


def _showing(
    metrics: MetricsSocket, settings: Settings, broker: DurableBroker, registry: Registry
) -> AbstractContextManager[None]:
    # Prometheus-client is loaded only if it is used.
    from orchestrator_core.server.worker_metrics import serving  # noqa: PLC0415

    _log.info("metrics served", address=str(metrics))
    return serving(metrics, settings, broker, registry)


async def _beat(file: Path, notifier: Notifier, serving: threading.Event) -> None:
    while True:
        notifier.keep_alive()
        if serving.is_set():
            mark_serving()
        with suppress(OSError):  # the next touch may succeed
            file.touch()  # noqa: ASYNC240 - the file is in memory
        await asyncio.sleep(1.0)


async def _watch(worker: DurableWorker, supervisor: int) -> None:
    """Stop the worker when its supervisor has ended.

    Otherwise a worker whose supervisor was killed would run beside the worker of the next server.
    The supervisor may have ended before this check begins, so it passes its own pid.
    """
    while os.getppid() == supervisor:  # noqa: ASYNC110 - no event reports it
        await asyncio.sleep(_LOOK)
    _log.warning("supervisor ended, durable worker stops")
    worker.stop()
