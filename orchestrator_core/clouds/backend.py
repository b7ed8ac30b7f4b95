"""A configured assignment backend, with the same protection as a cloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from orchestrator_core.clouds.guard import Guard
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.clouds.plugin_handle import PluginHandle
from orchestrator_core.clouds.single_flight import SingleFlight
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import InvalidAnswer, NodeNotFound
from orchestrator_core.model import AssignmentResult, AssignRequest, Vm
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.settings.deadlines import ASSIGNMENT_DEADLINES
from orchestrator_core.settings.model import AssignmentSettings

T = TypeVar("T")

Shape = Callable[[Sequence[Vm]], T]
"""A function that turns a backend's list into the caller's result."""


class Backend:
    """One section ``[assignments.NAME]`` of the settings; every method waits without a thread.

    Args:
        settings: the core's part of the section.
        handle: the handle of the plugin's object.
    """

    def __init__(self, settings: AssignmentSettings, handle: PluginHandle) -> None:
        self.name = settings.name
        self.settings = settings
        self.guard = Guard(
            f"Backend {settings.name}",
            {"backend": settings.name},
            settings,
            {**ASSIGNMENT_DEADLINES, **settings.deadlines},
            handle,
        )
        self._flights = SingleFlight()

    @property
    def failure(self) -> str:
        """The reason why the plugin cannot be used; empty when it can."""
        return self.guard.failure

    @property
    def external(self) -> bool:
        """Whether the backend keeps its own assignments; its answers can then be lost."""
        return self.guard.hooks.trait("external", default=True)

    @property
    def by_hostname(self) -> bool:
        """Whether the backend identifies a VM only by its hostname."""
        return self.guard.hooks.trait("by_hostname", default=False)

    async def list_vms(self, cloud: str, shape: Shape[T]) -> T:
        """Return every VM of a cloud that the backend knows, shaped in the backend's threads.

        Concurrent callers with the same question share one answer.
        """

        def job(hooks: Hooks, deadline: Deadline) -> T:
            return shape(hooks.many("list_vms", Vm, cloud=cloud, deadline=deadline))

        async def ask() -> T:
            shaped, _ = await self.guard.call("list_vms", job)
            return shaped

        return await self._flights.run((cloud, shape), ask)

    async def resolve_vm(
        self, cloud: str, node: str | None, hostname: str | None, seconds: float | None = None
    ) -> Vm:
        """Return the requested VM, within the given seconds or the operation's own deadline.

        Raises:
            InvalidAnswer: when the backend returns another VM than the one with the given id.
        """

        def job(hooks: Hooks, deadline: Deadline) -> Vm:
            vm = hooks.one(
                "resolve_vm", Vm, cloud=cloud, node=node, hostname=hostname, deadline=deadline
            )
            self._hold_to("resolve_vm", vm.id_vm, node)
            return vm

        vm, _ = await self.guard.call("resolve_vm", job, seconds=seconds)
        return vm

    async def shown_vm(self, cloud: str, node_id: str) -> Vm:
        """Return a VM with its user, as the backend's list shows it now.

        The list may hide faulty VMs. If only :meth:`resolve_vm` knows the VM, a user in its answer
        is believed, but a missing user is not.

        Raises:
            NodeNotFound: when the backend does not show who uses the VM.
        """

        def job(hooks: Hooks, deadline: Deadline) -> list[Vm]:
            known = hooks.many("list_vms", Vm, cloud=cloud, deadline=deadline)
            return [vm for vm in known if vm.id_vm == node_id]

        # Not through the shared reads: a read that began earlier may show the state before this
        # caller's own change.
        shown, _ = await self.guard.call("list_vms", job)
        if shown:
            return next((vm for vm in shown if vm.user), shown[0])
        found = await self.resolve_vm(cloud, node_id, None)
        if not found.user:
            raise NodeNotFound(f"Backend {self.name} does not list node {node_id!r}")
        return found

    async def assign_vm(self, request: AssignRequest, permit: Permit) -> AssignmentResult:
        """Assign a VM to a user and an application."""

        def job(hooks: Hooks, deadline: Deadline) -> AssignmentResult:
            result = hooks.one("assign_vm", AssignmentResult, request=request, deadline=deadline)
            self._hold_to("assign_vm", result.id_vm, request.vm.id_vm)
            return result

        return await self._change("assign_vm", job, permit)

    async def release_vm(self, cloud: str, vm: Vm, permit: Permit) -> AssignmentResult:
        """Release a VM from its user."""

        def job(hooks: Hooks, deadline: Deadline) -> AssignmentResult:
            result = hooks.one(
                "release_vm", AssignmentResult, cloud=cloud, vm=vm, deadline=deadline
            )
            self._hold_to("release_vm", result.id_vm, vm.id_vm)
            return result

        return await self._change("release_vm", job, permit)

    async def check(self) -> None:
        """Check that the backend can be reached."""
        await self.guard.call("check", _check)

    async def reason_against(self, operation: str) -> str | None:
        """Return why the backend does not offer an operation; None when it does."""
        if self.failure:
            return self.failure
        hooks = self.guard.hooks
        return await self.guard.compute(
            lambda: hooks.reason_against(operation), self.guard.seconds("check")
        )

    async def close(self) -> None:
        """Close connections and end threads."""
        await self.guard.close()

    def _hold_to(self, hook: str, given: str, wanted: str | None) -> None:
        """Check that a backend's answer is about the requested VM.

        Raises:
            InvalidAnswer: when the answer is about another VM, which must not be destroyed.
        """
        if wanted is not None and given != wanted:
            raise InvalidAnswer(
                f"{self.guard.title} was asked about node {wanted!r} in {hook} "
                f"and answered about node {given!r}"
            )

    async def _change(
        self,
        operation: str,
        job: Callable[[Hooks, Deadline], AssignmentResult],
        permit: Permit,
    ) -> AssignmentResult:
        def work(hooks: Hooks, deadline: Deadline) -> AssignmentResult:
            deadline.check()
            permit.begin()
            return job(hooks, deadline)

        return await self.guard.change(operation, work, permit, self._flights.forget)


def _check(hooks: Hooks, deadline: Deadline) -> None:
    if hooks.supports("check"):
        hooks.call("check", deadline=deadline)
