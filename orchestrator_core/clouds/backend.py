"""A configured assignment backend: its hooks, called in threads of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from orchestrator_core.clouds.bulkhead import Bulkhead
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import CloudUnavailable, OrchestratorError
from orchestrator_core.model import AssignmentResult, AssignRequest, Vm
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES, CLOSE_SECONDS
from orchestrator_core.settings.model import AssignmentSettings

T = TypeVar("T")


class Backend:
    """One ``[assignments.NAME]`` of the settings; every method waits without a thread.

    Args:
        settings: the core's part of them.
        hooks: None when the plugin cannot be used.
        failure: then, why not; shown to callers.
    """

    def __init__(
        self, settings: AssignmentSettings, hooks: Hooks | None, failure: str = ""
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self.failure = failure
        self._hooks = hooks
        self._deadlines = {**ASSIGNMENT_DEADLINES, **settings.deadlines}
        self._bulkhead = Bulkhead(
            f"Backend {settings.name}", threads=settings.threads, queue=settings.queue
        )

    async def list_vms(self, cloud: str) -> Sequence[Vm]:
        """Every VM of that cloud that the backend knows."""
        return await self._run(
            "list_vms",
            lambda hooks, deadline: hooks.many("list_vms", Vm, cloud=cloud, deadline=deadline),
        )

    async def resolve_vm(self, cloud: str, node: str | None, hostname: str | None) -> Vm:
        """The one VM that is meant."""
        return await self._run(
            "resolve_vm",
            lambda hooks, deadline: hooks.one(
                "resolve_vm", Vm, cloud=cloud, node=node, hostname=hostname, deadline=deadline
            ),
        )

    async def assign_vm(self, request: AssignRequest) -> AssignmentResult:
        """Give a VM to a user and an application."""
        return await self._run(
            "assign_vm",
            lambda hooks, deadline: hooks.one(
                "assign_vm", AssignmentResult, request=request, deadline=deadline
            ),
        )

    async def release_vm(self, cloud: str, vm: Vm) -> AssignmentResult:
        """Take a VM back from its user."""
        return await self._run(
            "release_vm",
            lambda hooks, deadline: hooks.one(
                "release_vm", AssignmentResult, cloud=cloud, vm=vm, deadline=deadline
            ),
        )

    async def check(self) -> None:
        """Whether the backend can be reached."""
        await self._run("check", _check)

    def seconds(self, operation: str) -> float:
        """How long an operation may take."""
        return self._deadlines[operation]

    async def close(self) -> None:
        """Let go of connections and threads; a plugin that fails in it holds nobody up."""
        hooks = self._hooks
        if hooks is not None and hooks.supports("close"):
            with suppress(OrchestratorError):
                await self._bulkhead.run(lambda _: hooks.call("close"), CLOSE_SECONDS)
        self._bulkhead.close()

    async def _run(self, operation: str, job: Callable[[Hooks, Deadline], T]) -> T:
        hooks = self._hooks
        if hooks is None:
            raise CloudUnavailable(f"Backend {self.name} is not available: {self.failure}")
        return await self._bulkhead.run(
            lambda deadline: job(hooks, deadline), self._deadlines[operation]
        )


def _check(hooks: Hooks, deadline: Deadline) -> None:
    if hooks.supports("check"):
        hooks.call("check", deadline=deadline)
