"""The report of ``/health``: what works, what does not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_core.api.health.readiness import Readiness
from orchestrator_core.api.services import Services
from orchestrator_core.clouds.breaker import Circuit
from orchestrator_core.clouds.guard import Guard
from orchestrator_core.redaction import redact

OK: Final = "ok"
DEGRADED: Final = "degraded"
UNAVAILABLE: Final = "unavailable"


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the server.

    Attributes:
        reason: the reason for any status but ``ok``; it names no cloud, address or person.
        parts: the name of each part that does not work, and the reason; only for callers.
    """

    name: str
    status: str
    reason: str | None = None
    parts: tuple[tuple[str, str], ...] = ()

    def shown(self, *, is_caller: bool) -> dict[str, Any]:
        """Return the check as JSON.

        Args:
            is_caller: whether the API would serve the client, who may then see names.
        """
        one: dict[str, Any] = {"name": self.name, "status": self.status, "reason": self.reason}
        if is_caller and self.parts:
            # The reasons of clouds are messages of their plugins.
            one["parts"] = [{"name": name, "reason": redact(why)} for name, why in self.parts]
        return one


def checks(services: Services, readiness: Readiness) -> Iterator[Check]:
    """Yield a check for each part that this server has."""
    if readiness.stopping:
        yield Check("server", UNAVAILABLE, "The server is stopping")
    state = services.settings.state
    if state is not None:
        yield _needed("database", readiness.database)
        if state.worker:
            yield _needed("durable_worker", readiness.worker)
        yield _note("destruction", readiness.held, "Nothing is destroyed until an operator resumes")
        yield _note("clock", readiness.clock, "No lease expires, because the clock is in doubt")
    clouds = [(cloud.name, _fault(cloud.guard)) for cloud in services.registry.clouds.values()]
    yield _optional("clouds", "cloud", clouds)
    backends = [(one.name, _fault(one.guard)) for one in services.registry.backends.values()]
    yield _optional("assignment_backends", "assignment backend", backends)
    extensions = [(one.name, one.failure) for one in services.extensions.all]
    yield _optional("extensions", "extension", extensions)


def worst(found: Iterable[Check]) -> str:
    """Return the status of the whole server: the worst of its checks."""
    statuses = {check.status for check in found}
    return next((one for one in (UNAVAILABLE, DEGRADED) if one in statuses), OK)


def _needed(name: str, reason: str) -> Check:
    return Check(name, UNAVAILABLE, reason) if reason else Check(name, OK)


def _note(name: str, why: str, shown: str) -> Check:
    return Check(name, DEGRADED, shown, ((name, why),)) if why else Check(name, OK)


def _optional(name: str, one: str, parts: list[tuple[str, str]]) -> Check:
    """Return the check of parts that fail without making the server unready."""
    failed = tuple((part, reason) for part, reason in parts if reason)
    if not failed:
        return Check(name, OK)
    many = one if len(parts) == 1 else f"{one}s"
    verb = "does" if len(failed) == 1 else "do"
    return Check(name, DEGRADED, f"{len(failed)} of {len(parts)} {many} {verb} not work", failed)


def _fault(guard: Guard) -> str:
    """Return why a plugin does not work, as this process sees it; empty if it works.

    A plugin counts as working until its circuit opens or its last call has failed.
    """
    if guard.failure:
        return guard.failure
    last, good = guard.journal.last_error, guard.journal.last_success
    if last is not None and (good is None or good.at < last.at):
        return last.message or ""
    if guard.breaker.circuit is not Circuit.CLOSED:
        return "It is not called for a while, because it kept failing"
    return ""
