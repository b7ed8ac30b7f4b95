"""All configured clouds and assignment backends, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import NoAssignmentBackend, UnknownCloud
from orchestrator_core.settings.deadlines import (
    ASSIGNMENT_DEADLINES,
    LEDGER_DEADLINES,
    ORPHAN_DEADLINES,
)
from orchestrator_core.settings.schema import DEFAULT


class Registry:
    """Clouds and backends, found by the names that callers use.

    Args:
        clouds: every configured cloud, usable or not.
        backends: every configured assignment backend, usable or not.
        default: the name of the cloud for callers that name none.
        has_state: whether the server has a database.
    """

    def __init__(
        self,
        clouds: Iterable[Cloud],
        backends: Iterable[Backend],
        default: str | None,
        *,
        has_state: bool = True,
    ) -> None:
        self.clouds = {cloud.name: cloud for cloud in clouds}
        self.backends = {backend.name: backend for backend in backends}
        self._default = default
        self._has_state = has_state

    def cloud(self, name: str | None) -> Cloud:
        """Return the cloud with a name; the default cloud for None and ``default``.

        Raises:
            UnknownCloud: when there is no such cloud.
        """
        wanted = self._default if name is None or name == DEFAULT else name
        cloud = self.clouds.get(wanted) if wanted is not None else None
        if cloud is None:
            raise UnknownCloud
        return cloud

    def backend(self, cloud: Cloud) -> Backend:
        """Return the backend that assigns VMs of this cloud.

        Raises:
            NoAssignmentBackend: when the settings name none, or one that needs a missing database.
        """
        name = cloud.settings.assignment
        if name is None:
            missing = "" if self._has_state else "add [state], or "
            raise NoAssignmentBackend(
                f"Cloud {cloud.name} has no assignment backend: {missing}name one with "
                f"`assignment` in [clouds.{cloud.name}]"
            )
        lack = self.lack(self.backends[name])
        if lack:
            raise NoAssignmentBackend(f"Backend {name} {lack}")
        return self.backends[name]

    def lack(self, backend: Backend) -> str:
        """Return the requirement of a backend that this server lacks; empty for none."""
        if self._has_state or backend.failure or backend.external:
            return ""
        return "needs a database; this server has no [state]"

    def reason_against_destroying(self, cloud: Cloud) -> str | None:
        """Return why this server destroys no VM of a cloud; None when it destroys some.

        The text continues a sentence that begins with the cloud's name.
        """
        if self._has_state or cloud.settings.destroy == "all":
            return None
        return (
            'destroys only its own VMs (destroy = "own"), and a server without [state] has no '
            "record of them, so it refuses every stop and release; add [state], or write "
            f'destroy = "all" in [clouds.{cloud.name}]'
        )

    def seconds(self, cloud: Cloud, operation: str) -> float:
        """Return the deadline in seconds of an operation of a cloud, or of its backend.

        Raises:
            NoAssignmentBackend: when the operation needs a backend, and the cloud has none.
        """
        if operation in ASSIGNMENT_DEADLINES:
            return self.backend(cloud).guard.seconds(operation)
        if operation in ORPHAN_DEADLINES:
            return ORPHAN_DEADLINES[operation]
        if operation in LEDGER_DEADLINES:
            self.backend(cloud)  # Raises: without a backend, no VM is ever assigned.
            return LEDGER_DEADLINES[operation]
        return cloud.guard.seconds(operation)

    async def close(self) -> None:
        """Close all connections and end all threads."""
        clouds = (cloud.close() for cloud in self.clouds.values())
        backends = (backend.close() for backend in self.backends.values())
        await asyncio.gather(*clouds, *backends)
