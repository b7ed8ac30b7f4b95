"""Destroying a VM until its cloud confirms that it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row

from orchestrator_core import faultpoints
from orchestrator_core.broker import keys, ledger, limits, records, steps, verdict, vms
from orchestrator_core.broker.change import Acted, Change, VmReference
from orchestrator_core.broker.operation import (
    Draft,
    Operation,
    OperationState,
    Progress,
    Step,
)
from orchestrator_core.broker.recorder import Recorder
from orchestrator_core.broker.vm import AssignmentState, Cause, VmKey, VmOrigin, VmState
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import NO_HINTS
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import (
    DestroyHeld,
    DestroyLimit,
    NodeNotFound,
    OrchestratorError,
    Refused,
)
from orchestrator_core.model import NodeState
from orchestrator_core.settings.model import CloudSettings

DEADLINE: Final = 7 * 86_400.0
"""Seconds after which a VM that will not go waits for somebody to look at it."""

_LOOKS: Final = 8
"""How many times an accepted deletion is looked for before it is asked for again."""

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
        node_id = await steps.resolve(cloud, vm)
        draft = Draft(
            "stop_vm",
            cloud.name,
            Step.DESTROY,
            change.requester,
            {"node": vm.node, "hostname": vm.hostname},
            DEADLINE,
            node_id,
        )

        def also(connection: Connection, operation: Operation) -> None:
            limits.check_held(connection)
            _take(connection, operation, cloud.settings)
            _end_assignment(connection, operation, ledger.STOPPED)

        operation = await self._recorder.record(change, draft, self._take_back, also)
        faultpoints.reached("stop.recorded")
        try:
            await self._ask(operation, cloud, change.permit, change.hints)
        except asyncio.CancelledError:
            self._recorder.caller_left(change, operation, self._take_back)
            raise
        except NodeNotFound as error:
            error.operation_id = operation.id
            await self._not_there(operation, cloud, error)
            raise
        except OrchestratorError as error:
            error.operation_id = operation.id
            await self._refused_or_lost(operation, error, begun=not change.permit.withdraw())
            raise
        faultpoints.reached("stop.answered")
        accepted = Progress(
            OperationState.PENDING,
            Step.CONFIRM,
            after=self._recorder.pause(operation),
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
                lambda connection: _take_again(connection, operation, cloud.settings)
            )
            if not there:
                return await self._gone(operation)
            await self._ask(operation, cloud, permit)
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
        looks = await self._recorder.database.read(lambda connection: _looks(connection, operation))
        step = Step.DESTROY if looks >= _LOOKS else Step.CONFIRM
        made = Progress(
            OperationState.PENDING,
            step,
            after=self._recorder.pause(operation),
            error_code="still_there",
            error_message=f"Node {operation.node_id} is still there ({node.state.value})",
        )
        return await self._recorder.progress(operation, made)

    async def _ask(
        self,
        operation: Operation,
        cloud: Cloud,
        permit: Permit,
        hints: Mapping[str, str] = NO_HINTS,
    ) -> None:
        assert operation.node_id is not None
        step = steps.act("stop_vm", VmReference(operation.node_id), permit)
        await cloud.change("stop_vm", step, permit, hints)

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
                lambda connection: _is_young(connection, operation, cloud.settings.visibility)
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
        if nodes:
            return None
        looks = await self._recorder.database.read(
            lambda connection: records.attempts_of(connection, operation.id)
        )
        empty = sum(attempt.error_code == _EMPTY for attempt in looks)
        return _EMPTY if empty + 1 < _EMPTY_LOOKS else None

    async def _gone(
        self, operation: Operation, error: OrchestratorError | None = None
    ) -> Operation:
        faultpoints.reached("destroy.gone")

        def also(connection: Connection, written: Operation) -> None:
            _write_gone(connection, operation, never_there=error is not None)
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
            await self._recorder.progress(operation, made, give_back)
        else:
            made = verdict.again(operation, error, self._recorder.pause(operation), unsettled=True)
            await self._recorder.progress(operation, made)

    @staticmethod
    def _take_back(connection: Connection, operation: Operation) -> None:
        keys.forget(connection, operation)
        give_back(connection, operation)


def _take(connection: Connection, operation: Operation, cloud: CloudSettings) -> None:
    """From here on nobody can claim the VM."""
    assert operation.node_id is not None
    key = VmKey(operation.cloud, operation.node_id)
    vm = vms.note_and_lock(connection, key, VmOrigin.GIVEN, operation.made_at)
    _set_destroying(connection, vm, cloud)


def _set_destroying(connection: Connection, vm: Row[Any], cloud: CloudSettings) -> None:
    limits.check_right(vm, cloud)
    if vm.destroy_began_at is None:
        limits.check_rate(connection, cloud)
    vms.set_state(connection, vm.cloud, vm.node_id, VmState.DESTROYING)


def _write_gone(connection: Connection, operation: Operation, *, never_there: bool) -> None:
    """Write down that a VM is gone, unless it was only started while the cloud was asked.

    Of one that nobody has ever seen nothing is kept: a start may be about to be told of it.
    """
    assert operation.node_id is not None
    vm = vms.lock(connection, operation.cloud, operation.node_id)
    began_at = operation.attempt_began_at
    assert began_at is not None
    if vm is None or _saw_it_go(connection, operation):
        return
    if never_there and vms.is_unknown(vm):
        if records.steps_of_others(connection, operation):
            return  # who was not answered has to ask once more
        vms.forget(connection, vm)
    else:
        since = vm.origin == VmOrigin.STARTED and vm.made_at > began_at
        state = VmState.PRESENT if since else VmState.GONE
        vms.set_state(connection, operation.cloud, operation.node_id, state)


def _saw_it_go(connection: Connection, operation: Operation) -> bool:
    """Whether another operation has written down that the VM is gone: what is there is another."""
    assert operation.node_id is not None
    key = VmKey(operation.cloud, operation.node_id)
    return vms.has_gone_since(connection, key, operation.made_at)


def _take_again(connection: Connection, operation: Operation, cloud: CloudSettings) -> bool:
    """See to it that the VM may be destroyed just now; False when another operation saw it go.

    Raises:
        DestroyHeld, DestroyLimit, Refused: when it may not.
        Superseded: when another process is about to do it.
    """
    assert operation.node_id is not None
    records.check_ours(connection, operation)
    key = VmKey(operation.cloud, operation.node_id)
    vm = vms.lock(connection, operation.cloud, operation.node_id)
    if _saw_it_go(connection, operation):
        return False
    if vm is None:  # its row was kept for long enough
        vm = vms.note_and_lock(connection, key, VmOrigin.GIVEN)
    limits.check_held(connection)
    held = ledger.holding(connection, operation.cloud, operation.node_id)
    if held is not None:
        raise Refused(f"Node {vm.node_id} is assigned to {held.user} by now, and left alone")
    _set_destroying(connection, vm, cloud)
    return True


def _end_assignment(connection: Connection, operation: Operation, why: str) -> None:
    assert operation.node_id is not None
    held = ledger.lock_holding(connection, operation.cloud, operation.node_id)
    if held is not None:
        ledger.move(
            connection, held, AssignmentState.ENDED, Cause(operation_id=operation.id, why=why)
        )


def give_back(connection: Connection, operation: Operation) -> None:
    """Let a VM be as it was, and its holder's again: it was certainly not destroyed."""
    state = keep(connection, operation)
    if state is VmState.PRESENT:
        ledger.reopen(connection, operation, AssignmentState.ACTIVE)
    elif state is VmState.RELEASING:
        ledger.reopen(connection, operation, AssignmentState.RELEASING)


def keep(connection: Connection, operation: Operation) -> VmState:
    """Let a VM be, so far as this operation goes; return what the others do with it."""
    assert operation.node_id is not None
    vms.lock(connection, operation.cloud, operation.node_id)
    others = records.steps_of_others(connection, operation)
    if others - {Step.RELEASE}:
        return VmState.DESTROYING
    state = VmState.RELEASING if others else VmState.PRESENT
    vms.set_state(connection, operation.cloud, operation.node_id, state)
    return state


def _is_young(connection: Connection, operation: Operation, visibility: float) -> bool:
    assert operation.node_id is not None
    vm = vms.get(connection, operation.cloud, operation.node_id)
    if vm is None or vm.origin != VmOrigin.STARTED or operation.attempt_began_at is None:
        return False
    if vm.seen_at is not None:
        return False
    return bool(operation.attempt_began_at - vm.made_at < visibility)


def _looks(connection: Connection, operation: Operation) -> int:
    """Return how often the VM was looked for since the cloud was last asked to destroy it."""
    attempts = records.attempts_of(connection, operation.id)
    looks = 0
    for attempt in reversed(attempts):
        if attempt.step != Step.CONFIRM:
            break
        looks += 1
    return looks
