"""The load of all clouds and assignment backends of this process, for its meter."""

from __future__ import annotations

import asyncio
from typing import Final

from orchestrator_core.clouds.guard import Guard
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.metrics.meter import TargetLoad, meter

_INTERVAL: Final = 2.0
"""The seconds between two measurements; each call itself measures nothing of this."""


async def measure_load(registry: Registry) -> None:
    """Measure the load every two seconds until this task is cancelled."""
    while True:
        measure_once(registry)
        meter().keep_room()
        await asyncio.sleep(_INTERVAL)


def measure_once(registry: Registry) -> None:
    """Measure the load now."""
    one = meter()
    for cloud in registry.clouds.values():
        one.load("cloud", cloud.name, _load_of(cloud.guard))
    for backend in registry.backends.values():
        one.load("backend", backend.name, _load_of(backend.guard))


def _load_of(guard: Guard) -> TargetLoad:
    load = guard.load
    circuit = guard.breaker.circuit.value
    return TargetLoad(load.running, load.waiting, load.overdue, load.lost, circuit)
