"""The report of a cloud: its operations, its start fields and its health."""

from __future__ import annotations

import os
from typing import Any, Final

from orchestrator_core.api.services import Services
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.guard import Guard
from orchestrator_core.clouds.journal import Event
from orchestrator_core.clouds.references import LISTS
from orchestrator_core.clouds.start_fields import reason_against_options
from orchestrator_core.errors import NoAssignmentBackend, OrchestratorError
from orchestrator_core.model import CloudDescription
from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES, CLOUD_DEADLINES
from orchestrator_core.start_request import START_FIELDS, StartField

_CLOUD_OPERATIONS: Final = [name for name in CLOUD_DEADLINES if name != "check"]
_BACKEND_OPERATIONS: Final = [name for name in ASSIGNMENT_DEADLINES if name != "check"]
_FALLBACKS: Final = {"get_node": "list_nodes"}
"""The hook that replaces another one if a plugin does not implement that."""


class CloudReport:
    """The report of a cloud's operations, start fields and health.

    Args:
        services: the objects that resources use.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def of(self, asked: Cloud) -> dict[str, Any]:
        """Return the report of one cloud."""
        return {
            "name": asked.name,
            "driver": asked.settings.driver,
            "destroy": asked.settings.destroy,
            **_described(await asked.description()),
            "operations": {**await self._cloud_operations(asked), **await self._backend(asked)},
            "start_fields": await _start_fields(asked),
            **_health(asked.guard),
            # Each process has its own breaker, queue and threads.
            "scope": "process",
            "pid": os.getpid(),
        }

    async def _cloud_operations(self, cloud: Cloud) -> dict[str, Any]:
        operations = {}
        for name in _CLOUD_OPERATIONS:
            operations[name] = _offer(await _against(cloud, name))
        for name, fallback in _FALLBACKS.items():
            if not operations[name]["supported"]:
                operations[name] = operations[fallback]
        never = self._services.registry.reason_against_destroying(cloud)
        if never is not None and operations["stop_vm"]["supported"]:
            operations["stop_vm"] = _offer(f"cloud {cloud.name} {never}")
        return operations

    async def _backend(self, cloud: Cloud) -> dict[str, Any]:
        try:
            backend = self._services.registry.backend(cloud)
        except NoAssignmentBackend as error:
            return dict.fromkeys(_BACKEND_OPERATIONS, _offer(error.message))
        operations = {}
        for name in _BACKEND_OPERATIONS:
            operations[name] = _offer(await backend.reason_against(name))
        destroys = await _against(cloud, "stop_vm")
        never = self._services.registry.reason_against_destroying(cloud)
        if destroys is None and never is not None:
            destroys = f"cloud {cloud.name} {never}"
        if destroys is not None:
            operations["release_vm"] = _offer(f"its VM could not be destroyed: {destroys}")
        return operations


def _described(description: CloudDescription | OrchestratorError) -> dict[str, Any]:
    if isinstance(description, OrchestratorError):
        nothing = dict.fromkeys(("display_name", "provider", "host"))
        return {**nothing, "available": False, "detail": description.message}
    return {
        "display_name": description.display_name,
        "provider": description.provider,
        "host": description.host,
        "available": True,
        "detail": None,
    }


async def _against(cloud: Cloud, operation: str) -> str | None:
    try:
        return await cloud.reason_against(operation)
    except OrchestratorError as error:
        return error.message


async def _start_fields(cloud: Cloud) -> dict[str, Any]:
    """Return for each optional field of a start whether the cloud takes it, and its limits."""
    try:
        taken = await cloud.start_fields()
    except OrchestratorError as error:
        return dict.fromkeys(START_FIELDS, _offer(error.message))
    against = reason_against_options(cloud.settings, taken)
    if against is not None:
        taken = {**taken, "options": against}
    return {name: await _start_field(cloud, name, how) for name, how in taken.items()}


async def _start_field(cloud: Cloud, name: str, how: StartField | str) -> dict[str, Any]:
    if isinstance(how, str):
        return _offer(how)
    parts = cloud.settings.start_options if name == "options" else how.parts
    shown = {
        **_offer(None),
        "note": how.note,
        "required": how.required and name not in cloud.settings.start,
        "limit": how.limit,
        "max_bytes": how.max_bytes,
        "parts": parts,
        "excludes": how.excludes,
    }
    if name in LISTS:
        hook, _ = LISTS[name]
        has_list = await _against(cloud, hook) is None
        shown["given_as"] = ["id", "name"] if has_list else [how.given_as]
    return shown


def _offer(reason: str | None) -> dict[str, Any]:
    return {"supported": reason is None, "reason": reason}


def _health(guard: Guard) -> dict[str, Any]:
    load, breaker = guard.load, guard.breaker
    return {
        "circuit": {
            "state": breaker.circuit.value,
            "failures": breaker.failures,
            "retry_after": breaker.retry_after,
        },
        "threads": {
            "limit": load.threads,
            "running": load.running,
            "overdue": load.overdue,
            "lost": load.lost,
        },
        "queue": {"limit": load.queue, "waiting": load.waiting},
        "last_success": _event(guard.journal.last_success),
        "last_error": _event(guard.journal.last_error),
    }


def _event(event: Event | None) -> dict[str, Any] | None:
    if event is None:
        return None
    shown = {"operation": event.operation, "at": event.at.isoformat(timespec="milliseconds")}
    if event.error_code is not None:
        shown |= {"error_code": event.error_code, "detail": event.message or ""}
    return shown
