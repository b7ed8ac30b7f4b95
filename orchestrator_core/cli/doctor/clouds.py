"""Examination of the clouds and assignment backends: from here, and as the server sees them."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from orchestrator_core.cli import remedies
from orchestrator_core.cli.doctor.ask import get_json
from orchestrator_core.cli.doctor.findings import (
    Finding,
    capitalized,
    number,
    problem,
    warning,
)
from orchestrator_core.cli.doctor.servers import RunningServer
from orchestrator_core.cli.doctor.subject import Subject
from orchestrator_core.cli.reach import reach_plugins
from orchestrator_core.metrics.catalogue import FOLDER, OF_CALLS, TARGETS

_PATIENCE: Final = 20.0
"""The seconds for each cloud, less than for all examinations."""

_PARTS: Final = ("clouds", "assignment_backends", "extensions")
"""The checks of ``/health`` that name parts which fail alone."""


def examine(subject: Subject) -> Iterator[Finding]:
    """Yield the clouds and backends that cannot be reached, or that the server does not call."""
    if subject.registry is not None:
        yield from _unreachable(subject)
        for cloud in subject.registry.clouds.values():
            why = subject.registry.reason_against_destroying(cloud)
            if why is not None:
                yield warning(
                    "destroys_nothing",
                    f"Cloud {cloud.name} {why}.",
                    "Its VMs run, and cost, until a person destroys them.",
                    capitalized(remedies.STATE),
                )
    for server in subject.servers:
        yield from _of_server(server)


def _unreachable(subject: Subject) -> Iterator[Finding]:
    assert subject.registry is not None
    backends = {*subject.registry.backends} - {*subject.registry.clouds}
    for one in asyncio.run(reach_plugins(subject.registry, connect=True, patience=_PATIENCE)):
        if not one.ok:
            kind = "Assignment backend" if one.name in backends else "Cloud"
            yield problem(
                "unreachable",
                f"{kind} {one.name} (plugin {one.plugin}) cannot be used: {one.outcome}.",
                "Requests to it fail; the other clouds are served.",
                f"{capitalized(one.remedy)}; then look again: orchestrator check "
                f"--connect{subject.config}",
            )


def _of_server(server: RunningServer) -> Iterator[Finding]:
    for address in server.addresses[:1]:
        with suppress(OSError, ValueError, http.client.HTTPException):  # another finding says so
            for check in get_json(address, "/health").get("checks", []):
                if check.get("name") in _PARTS and check.get("status") == "degraded":
                    yield _degraded(server, check["reason"], check.get("parts", []))
    yield from _measured(server)


def _degraded(server: RunningServer, reason: str, parts: list[dict[str, str]]) -> Finding:
    shown = "; ".join(f"{part['name']}: {part['reason']}" for part in parts)
    return warning(
        "failing",
        f"{server.title} says: {reason}{f': {shown}' if shown else ''}.",
        "Its last calls have failed, even if an attempt from here succeeds.",
        'Look for "outcome" in the lines "cloud call" of its log',
    )


def _measured(server: RunningServer) -> Iterator[Finding]:
    """Yield open circuit breakers and lost threads, from the files of the server's metrics."""
    folder = server.directory / FOLDER
    if not folder.is_dir():
        return
    from orchestrator_core.metrics.scrape import gauges  # noqa: PLC0415 - prometheus-client

    for target in TARGETS:
        specs = OF_CALLS[target]
        for (name, state), count in gauges(folder, specs.circuit)[specs.circuit].items():
            if state == "open" and count:
                yield warning(
                    "circuit_open",
                    f"{number(int(count), 'process', 'processes')} of {server.title.lower()} "
                    f"refused calls of {target} {name} when last measured, because it kept "
                    "failing.",
                    "Callers get status 503 at once until a trial succeeds.",
                    f"Find out why it fails: orchestrator check --connect --config {server.file}",
                )
        for (name,), count in gauges(folder, specs.lost)[specs.lost].items():
            if count:
                yield warning(
                    "threads_lost",
                    f"{number(int(count), 'thread')} of {target} {name} did not return from its "
                    "plugin and had to be replaced.",
                    "Each keeps its memory and its connection until its process ends.",
                    f"{server.reload}; and give the plugin's calls a time limit",
                )
