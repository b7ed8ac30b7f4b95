"""Destroying a VM until its cloud confirms that it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker import (
    attempts,
    destruction,
    keys,
    ledger,
    limits,
    steps,
    verdict,
    vms,
)
from orchestrator_core.broker.change import Acted, Change, VmReference
from orchestrator_core.broker.operation import (
    Draft,
    Operation,
    OperationState,
    Progress,
    Step,
)
from orchestrator_core.broker.recorder import Recorder
from orchestrator_core.broker.visibility import until_shown
from orchestrator_core.broker.vm import VmKey
from orchestrator_core.clouds.bulkhead import NeverAsked
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import NO_HINTS
from orchestrator_core.clouds.permit import Permit, Withdrawn
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    CircuitOpen,
    CloudBusy,
    CloudError,
    CloudUnavailable,
    DestroyHeld,
    DestroyLimit,
    NodeNotFound,
    NodeTerminated,
    NonsenseAnswer,
    OrchestratorError,
    RateLimited,
)
from orchestrator_core.model import NodeState

_LOOKS: Final = 13
"""How many times an accepted deletion is looked for before it is asked for again: the pauses grow
from a quarter of a second to a minute, so that this takes about three minutes."""

HELD_LOOK: Final = 15.0
"""Seconds until what may not be destroyed just now is looked at again."""

_EMPTY_LOOKS: Final = 3
_EMPTY: Final = "empty_listing"


class Destroyer:
    """Destroys VMs, for callers and for what must be done after them.

    Args:
        recorder: of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def begin(self, change: Change, vm: VmReference) -> Acted:
        """Destroy a VM for a caller; return once the cloud has accepted it."""
        cloud = change.cloud
        deadline = Deadline(cloud.guard.seconds("stop_vm"))
        node_id = await self._resolve(cloud, vm, deadline)
        draft = Draft(
            "stop_vm",
            cloud.name,
            Step.DESTROY,
            change.requester,
            {"node": vm.node, "hostname": vm.hostname},
            destruction.DEADLINE,
            node_id,
        )

        held: list[bool] = []

        def also(connection: Connection, operation: Operation) -> None:
            limits.check_held(connection)
            held[:] = [destruction.is_held(connection, operation)]
            destruction.take(connection, operation, cloud.settings)
            destruction.end_assignment(connection, operation, ledger.STOPPED)

        operation = await self._recorder.record(change, draft, self._take_back, also)
        faultpoints.reached("stop.recorded")
        change.permit.check = self._check_again(operation, change.permit.check)
        try:
            await until_shown(
                self._recorder.database,
                cloud,
                VmReference(node_id),
                deadline,
                lambda seconds: self._ask(
                    operation, cloud, change.permit, change.hints, seconds=seconds
                ),
            )
        except asyncio.CancelledError:
            self._recorder.caller_left(change, operation, self._take_back)
            raise
        except NodeTerminated as error:
            error.operation_id = operation.id
            if held == [True]:
                return Acted(node_id, await self._gone(operation))
            await self._gone(operation, error)
            raise
        except NodeNotFound as error:
            error.operation_id = operation.id
            await self._not_there(operation, cloud, error)
            raise
        except OrchestratorError as error:
            error.operation_id = operation.id
            begun = not change.permit.withdraw() or _is_failed_look(error)
            await self._refused_or_lost(operation, error, begun=begun)
            raise
        faultpoints.reached("stop.answered")
        accepted = Progress(
            OperationState.PENDING,
            Step.CONFIRM,
            after=self._recorder.look_pause(0),
            answer={"node_id": node_id},
        )
        operation = await self._recorder.progress(operation, accepted)
        faultpoints.reached("stop.settled")
        return Acted(node_id, operation)

    async def resume(self, operation: Operation, cloud: Cloud) -> Operation:
        """Go on destroying: ask the cloud, or look whether the VM is gone."""
        if operation.step is Step.CONFIRM:
            return await self.look(operation, cloud)
        return await self.ask(operation, cloud)

    async def ask(self, operation: Operation, cloud: Cloud) -> Operation:
        """Ask the cloud to destroy the VM, if that may be done just now."""
        try:
            permit = self._recorder.permit()
            there = await self._recorder.database.write(
                lambda connection: destruction.take_again(connection, operation, cloud.settings)
            )
            if not there:
                return await self._gone(operation)
            permit.check = self._check_again(operation, permit.check)
            await self._ask(operation, cloud, permit)
        except NodeTerminated:
            return await self._gone(operation)
        except NodeNotFound as error:
            return await self._not_there(operation, cloud, error)
        except (DestroyHeld, DestroyLimit) as error:
            made = verdict.again(operation, error, HELD_LOOK)
            return await self._recorder.progress(operation, made)
        except OrchestratorError as error:
            after = self._recorder.pause(operation)
            made = verdict.again(operation, error, after, unsettled=True)
            return await self._recorder.progress(operation, made)
        return await self.look(replace(operation, step=Step.CONFIRM), cloud)

    async def look(self, operation: Operation, cloud: Cloud) -> Operation:
        """Look whether the VM is gone; ask again if it has not gone for long."""
        assert operation.node_id is not None
        try:
            _, node = await cloud.look_at(operation.node_id)
        except NodeNotFound as error:
            # The cloud knew it when it took the deletion: it is gone, and not yet to be seen.
            return await self._not_there(operation, cloud, error, young=False)
        except OrchestratorError as error:
            made = verdict.again(operation, error, self._recorder.pause(operation))
            return await self._recorder.progress(operation, made)
        if node.state is NodeState.TERMINATED:
            return await self._gone(operation)
        looks = await self._recorder.database.read(
            lambda connection: destruction.looks(connection, operation)
        )
        step = Step.DESTROY if looks >= _LOOKS else Step.CONFIRM
        made = Progress(
            OperationState.PENDING,
            step,
            after=self._recorder.look_pause(looks),
            error_code="still_there",
            error_message=f"Node {operation.node_id} is still there ({node.state.value})",
        )
        return await self._recorder.progress(operation, made)

    async def _resolve(self, cloud: Cloud, vm: VmReference, deadline: Deadline) -> str:
        """Return the VM that is meant: by a name that no living VM has, one of ours that ended.

        Raises:
            NodeTerminated: when none or several of those that ended are ours.
        """
        try:
            return await until_shown(
                self._recorder.database,
                cloud,
                vm,
                deadline,
                lambda seconds: steps.resolve(cloud, vm, seconds),
            )
        except NodeTerminated as error:
            ended = [VmKey(cloud.name, node_id) for node_id in error.node_ids]
            ours = await self._recorder.database.read(
                lambda connection: [key for key in ended if vms.is_ours(connection, key)]
            )
            if len(ours) != 1:
                raise
            return ours[0].node_id

    async def _ask(
        self,
        operation: Operation,
        cloud: Cloud,
        permit: Permit,
        hints: Mapping[str, str] = NO_HINTS,
        *,
        seconds: float | None = None,
    ) -> None:
        assert operation.node_id is not None
        step = steps.act("stop_vm", VmReference(operation.node_id), permit)
        await cloud.change("stop_vm", step, permit, hints, seconds)

    def _check_again(
        self, operation: Operation, check: Callable[[], None] | None
    ) -> Callable[[], None]:
        """Return what a cloud's thread asks just before it destroys, at each repeat as well.

        It may have waited for a thread or for a repeat, and somebody have frozen everything.
        """

        def check_again() -> None:
            if check is not None:
                check()
            self._recorder.database.read_now(lambda c: destruction.check_still(c, operation))

        return check_again

    async def _not_there(
        self,
        operation: Operation,
        cloud: Cloud,
        error: NodeNotFound,
        *,
        young: bool | None = None,
    ) -> Operation:
        """The cloud says that there is no such VM: believe it, if it can be believed."""
        was_known = young is not None
        if young is None:
            young = await self._recorder.database.read(
                lambda connection: destruction.is_young(
                    connection, operation, cloud.settings.visibility
                )
            )
        doubt = "not_visible_yet" if young else await self._doubt(operation, cloud)
        if doubt is None:
            # Nobody has asked for it before, so that it never was there.
            failed = operation.kind == "stop_vm" and operation.attempts == 1 and not was_known
            return await self._gone(operation, error if failed else None)
        made = Progress(
            OperationState.PENDING,
            operation.step,
            after=self._recorder.pause(operation),
            error_code=doubt,
            error_message=error.message,
        )
        return await self._recorder.progress(operation, made)

    async def _doubt(self, operation: Operation, cloud: Cloud) -> str | None:
        """Return why it need not be gone although the cloud does not show it; None for no doubt."""
        if await cloud.reason_against("get_node") is None:
            return None
        try:
            _, nodes = await cloud.list_all()
        except OrchestratorError as error:
            return error.code
        shown = (node for node in nodes if node.id == operation.node_id)
        if any(node.state is not NodeState.TERMINATED for node in shown):
            return "still_there"
        if nodes:
            return None
        looks = await self._recorder.database.read(
            lambda connection: attempts.of(connection, operation.id)
        )
        empty = sum(attempt.error_code == _EMPTY for attempt in looks)
        return _EMPTY if empty + 1 < _EMPTY_LOOKS else None

    async def _gone(
        self, operation: Operation, error: OrchestratorError | None = None
    ) -> Operation:
        faultpoints.reached("destroy.gone")

        def also(connection: Connection, written: Operation) -> None:
            destruction.write_gone(connection, operation, never_there=error is not None)
            if error is not None:
                keys.forget(connection, written)

        if error is not None:
            made = verdict.failed(operation, error)
            return await self._recorder.progress(operation, made, also)
        answer = dict(operation.result or {"node_id": operation.node_id})
        if operation.kind == "release_vm":
            answer["deletion"] = "done"
        made = Progress(OperationState.SUCCEEDED, operation.step, answer=answer)
        return await self._recorder.progress(operation, made, also)

    async def _refused_or_lost(
        self, operation: Operation, error: OrchestratorError, *, begun: bool
    ) -> None:
        if not begun or verdict.is_invalid(error):
            made = verdict.failed(operation, error)
            await self._recorder.progress(operation, made, self._take_back)
        elif verdict.is_refusal(error):
            made = verdict.failed(operation, error)
            await self._recorder.progress(operation, made, destruction.give_back)
        else:
            made = verdict.again(operation, error, self._recorder.pause(operation), unsettled=True)
            await self._recorder.progress(operation, made)

    @staticmethod
    def _take_back(connection: Connection, operation: Operation) -> None:
        keys.forget(connection, operation)
        destruction.give_back(connection, operation)


def _is_failed_look(error: OrchestratorError) -> bool:
    """Return whether the cloud failed at the look that comes before a deletion.

    The VM is destroyed later, as when the cloud fails at the deletion itself. Of a cloud that was
    not asked at all, or whose answer is about another VM, nothing is done.
    """
    not_asked = CloudBusy | CircuitOpen | CloudUnavailable | NeverAsked | RateLimited | Withdrawn
    return isinstance(error, CloudError) and not isinstance(error, not_asked | NonsenseAnswer)
