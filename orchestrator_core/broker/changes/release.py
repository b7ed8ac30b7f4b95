"""Release of a VM from its user, followed by its destruction, however long that takes."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes.attempt import FirstAttempt
from orchestrator_core.broker.changes.destroy import HELD_RETRY_DELAY, Destroyer
from orchestrator_core.broker.changes.handler import Handler
from orchestrator_core.broker.changes.recorder import Recorder, Statements
from orchestrator_core.broker.ledger import (
    assignments,
    destruction,
    held_names,
    leases,
    safety,
    vms,
)
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.ledger.vm import Assignment, Cause, VmKey, VmOrigin
from orchestrator_core.broker.operations import keys, outcome, updates
from orchestrator_core.broker.operations.change import Assigned, Change, VmReference
from orchestrator_core.broker.operations.kinds import RELEASE
from orchestrator_core.broker.operations.operation import Operation, Progress, Requester
from orchestrator_core.broker.states import (
    AssignmentState,
    EndReason,
    OperationState,
    Step,
    VmState,
)
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    DestroyHeld,
    DestroyLimit,
    NodeNotFound,
    OrchestratorError,
    Refused,
    RequestError,
    Unsupported,
)
from orchestrator_core.model import AssignmentResult, JsonObject, Vm
from orchestrator_core.refusals import AssignmentInProgress, BeingDestroyed, NotAssigned
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state.clock_watch import ClockWatch


class Releaser(Handler):
    """Handler that releases VMs and then destroys them.

    Args:
        recorder: the recorder of this process.
        namesakes: the check that refuses VMs which a backend cannot tell apart from others.
    """

    def __init__(self, recorder: Recorder, namesakes: Namesakes) -> None:
        super().__init__(recorder)
        self._namesakes = namesakes
        self._destroyer = Destroyer(recorder)

    @classmethod
    def make(cls, recorder: Recorder, namesakes: Namesakes) -> Releaser:
        """Return a releaser for a broker."""
        return cls(recorder, namesakes)

    async def begin(
        self, change: Change, backend: Backend, vm: VmReference, generation: int | None
    ) -> Assigned:
        """Release a VM for a caller; return once it is gone, or after ``release_wait`` seconds."""
        cloud = change.cloud
        reason = await cloud.reason_against("stop_vm")
        if reason is not None:
            raise Unsupported(f"Cloud {cloud.name} does not support stop_vm: {reason}")
        found = await self._resolve(backend, cloud.name, vm)
        await self._namesakes.check_release(backend, cloud, found)
        parameters = {"node": found.id_vm, "hostname": found.hostname}
        draft = RELEASE.draft(cloud.name, change.requester, parameters, found.id_vm)
        take = _taker(change, backend, found, generation)
        operation = await self._recorder.record(change, draft, _nothing_done, take)
        faultpoints.reached("release.recorded")
        attempt = FirstAttempt(self._recorder, change, operation, _nothing_done)
        async with attempt.calling(lambda error: attempt.fail(error, undo_release)):
            released = await backend.release_vm(cloud.name, found, change.permit)
        faultpoints.reached("release.answered")
        at_once = cloud.settings.release_wait > 0
        operation = await self._released(operation, _answer(released), at_once=at_once)
        faultpoints.reached("release.settled")
        if not at_once:
            return _assigned(operation)
        destroying = self._recorder.go_on(operation, self._destroy(operation, cloud))
        await asyncio.wait({destroying}, timeout=cloud.settings.release_wait)
        if destroying.done() and destroying.exception() is None:
            operation = destroying.result()
        return _assigned(operation)

    async def _resolve(self, backend: Backend, cloud: str, vm: VmReference) -> Vm:
        """Return the requested VM; without an external backend, also one that is already gone."""
        try:
            return await backend.resolve_vm(cloud, vm.node, vm.hostname)
        except NodeNotFound:
            held = None
            if not backend.external:
                held = await self._recorder.database.read(lambda c: _held(c, cloud, vm))
            if held is None:
                raise
            return Vm(0, held.node_id, held.hostname or "", cloud=cloud)

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Continue: release the VM, determine whether it is released, or destroy it."""
        if operation.step is not Step.RELEASE:
            return await self._destroyer.resume(operation, cloud, backend)
        if backend is None:
            why = f"Cloud {cloud.name} no longer has an assignment backend"
            return await self._unknown(operation, why)
        # If the ledger alone expires a lease, no backend can be asked: begin the release again.
        if operation.unsettled and (backend.external or not leases.is_expiry(operation)):
            return await self._settle(operation, cloud, backend)
        return await self._ask(operation, cloud, backend)

    @staticmethod
    def abandon(connection: Connection, operation: Operation, who: Requester) -> None:
        """Return the VM to its holder; keep it without a holder if it is already released."""
        if operation.step is Step.RELEASE:
            undo_release(connection, operation, who)
        else:
            destruction.keep(connection, operation)

    async def _ask(self, operation: Operation, cloud: Cloud, backend: Backend) -> Operation:
        """Release a VM whose release was certainly not requested from the backend yet.

        No caller waits for it. While the VM may not be destroyed, nothing is changed.
        """
        try:
            permit = self._recorder.permit()
            assignment = await self._recorder.database.read(
                lambda connection: _assignment_to_release(
                    connection, operation, cloud.settings, self._recorder.clock
                )
            )
        except (DestroyHeld, DestroyLimit) as error:
            made = outcome.again(operation, error, HELD_RETRY_DELAY)
            return await self._recorder.progress(operation, made)
        except OrchestratorError as error:
            return await self._recorder.retry(operation, error)
        if backend.external:
            operation = await self._call(operation, cloud, backend, assignment, permit)
        else:
            operation = await self._released(operation, _answer_of(operation, None))
        faultpoints.reached("expire.settled")
        return operation

    async def _call(
        self,
        operation: Operation,
        cloud: Cloud,
        backend: Backend,
        assignment: Assignment | None,
        permit: Permit,
    ) -> Operation:
        """Release the VM in the backend, unless it shows another user than the assignment's."""
        try:
            assert operation.node_id is not None
            found = await backend.resolve_vm(cloud.name, operation.node_id, None)
            user = (await backend.shown_vm(cloud.name, operation.node_id)).user
            if user and assignment is not None and user != assignment.user:
                why = "The backend shows another user, so the VM is kept"
                return await self._unknown(operation, why)
            await self._namesakes.check_release(backend, cloud, found)
            released = await backend.release_vm(cloud.name, found, permit)
        except (NodeNotFound, Refused) as error:
            return await self._settle(operation, cloud, backend, error)
        except OrchestratorError as error:
            begun = not permit.withdraw() and not outcome.is_refusal(error)
            return await self._recorder.retry(operation, error, unsettled=begun)
        faultpoints.reached("expire.answered")
        return await self._released(operation, _answer(released))

    async def _settle(
        self,
        operation: Operation,
        cloud: Cloud,
        backend: Backend,
        refusal: OrchestratorError | None = None,
    ) -> Operation:
        """Determine from the user that the backend shows whether a VM is released.

        A VM that the backend does not show is not considered free: the backend may hide it as
        faulty, or may have lost its data.

        Args:
            operation: the release.
            cloud: the VM's cloud.
            backend: the backend to ask.
            refusal: the backend's error, if it certainly has not released the VM just now.
        """
        if not backend.external:
            return await self._released(operation, _answer_of(operation, None))
        assert operation.node_id is not None
        try:
            shown = await backend.shown_vm(cloud.name, operation.node_id)
        except RequestError as error:
            why = f"The backend does not show the user of the VM: {error.message}"
        except OrchestratorError as error:
            return await self._recorder.retry(operation, error, unsettled=refusal is None)
        else:
            if not shown.user:
                return await self._released(operation, _answer_of(operation, shown))
            why = "The backend still shows a user"
        if refusal is not None:
            return await self._recorder.retry(operation, refusal)
        delay = await self._recorder.delays.search(operation, backend.guard.seconds("release_vm"))
        if delay is not None:
            return await self._recorder.progress(operation, outcome.check_again(operation, delay))
        return await self._unknown(operation, f"{why}, so the VM is not destroyed")

    async def _destroy(self, operation: Operation, cloud: Cloud) -> Operation:
        """Destroy a released VM, for at most the time that the caller waits."""
        deadline = Deadline(cloud.settings.release_wait)
        while True:
            operation = await self._destroyer.resume(operation, cloud, None)
            if operation.final or operation.state is OperationState.PAUSED:
                return operation
            if operation.error_code in outcome.HELD:
                return operation  # Held: an operator or the next hour must allow it first.
            limit = cloud.settings.max_concurrent_changes
            taken = await self._recorder.reacquire(operation, limit, deadline)
            if taken is None:
                return operation
            operation = taken

    async def _released(
        self, operation: Operation, answer: JsonObject, *, at_once: bool = False
    ) -> Operation:
        """Record that the backend has released the VM: end the assignment, then destroy the VM.

        Args:
            operation: the release.
            answer: the backend's answer.
            at_once: whether this process destroys the VM; otherwise a durable worker does.
        """
        if not answer["id"]:
            answer = {**answer, "id": await self._number(operation)}

        def in_transaction(connection: Connection, written: Operation) -> None:
            assignment = assignments.of_operation(connection, written)
            if assignment is not None and assignment.ended_at is None:
                why = EndReason.EXPIRED if leases.is_expiry(written) else EndReason.RELEASED
                cause = Cause(operation_id=written.id, reason=why)
                assignments.move(connection, assignment, AssignmentState.ENDED, cause)

        going_on = Progress(
            OperationState.RUNNING if at_once else OperationState.PENDING,
            Step.DESTROY,
            answer={**answer, "deletion": "pending"},
        )
        return await self._recorder.progress(operation, going_on, in_transaction)

    async def _number(self, operation: Operation) -> int:
        """Return the ledger's number of a VM for which the backend has none."""

        def work(connection: Connection) -> int:
            assert operation.node_id is not None
            vm = vms.get(connection, operation.cloud, operation.node_id)
            return 0 if vm is None else vm.id

        return await self._recorder.database.read(work)

    async def _unknown(self, operation: Operation, why: str) -> Operation:
        made = outcome.paused(operation, "release_unknown", why, unsettled=operation.unsettled)
        return await self._recorder.progress(operation, made)


def _held(connection: Connection, cloud: str, vm: VmReference) -> Assignment | None:
    """Return the assignment of the requested VM; None when there is none."""
    try:
        node_id = leases.which(connection, cloud, vm)
    except Refused:
        return None
    return assignments.holding(connection, cloud, node_id)


def _taker(change: Change, backend: Backend, vm: Vm, generation: int | None) -> Statements:
    """Return the statements that mark a VM as being released, for the recording transaction."""
    cloud: CloudSettings = change.cloud.settings

    def take(connection: Connection, operation: Operation) -> Operation:
        key = VmKey(cloud.name, vm.id_vm, vm.hostname)
        row = vms.note_and_lock(connection, key, VmOrigin.GIVEN, operation.created_at)
        if row.state != VmState.PRESENT:
            raise BeingDestroyed(f"Node {vm.id_vm} is already being released or destroyed")
        safety.check_may_destroy(row, cloud)
        held = assignments.holding(connection, cloud.name, vm.id_vm)
        if held is None and (generation is not None or not backend.external):
            raise NotAssigned(f"Node {vm.id_vm} is not assigned")
        if held is None and backend.by_hostname:
            held_names.check_unheld(connection, backend.name, cloud.name, vm)
        if held is not None:
            assignments.check_generation(held, generation)
            if held.state != AssignmentState.ACTIVE:
                raise AssignmentInProgress(assignments.not_active(held))
            cause = Cause(change.requester, operation.id)
            assignments.move(connection, held, AssignmentState.RELEASING, cause)
            operation = updates.set_assignment(connection, operation, held.id)
        vms.set_state(connection, cloud.name, vm.id_vm, VmState.RELEASING)
        return operation

    return take


def _assignment_to_release(
    connection: Connection, operation: Operation, cloud: CloudSettings, clock: ClockWatch
) -> Assignment | None:
    """Return the assignment to be released, after checking that the VM may be destroyed now.

    Raises:
        DestroyHeld, DestroyLimit, Refused: when the VM may not be destroyed.
        Superseded: when another process has taken over the operation.
    """
    updates.check_ours(connection, operation)
    safety.check_no_hold(connection)
    assert operation.node_id is not None
    vm = vms.get(connection, operation.cloud, operation.node_id)
    if vm is not None and vm.state == VmState.RELEASING:
        safety.check_may_destroy(vm, cloud)
        safety.check_rate(connection, cloud, clock)
    return assignments.of_operation(connection, operation)


def undo_release(
    connection: Connection, operation: Operation, who: Requester | None = None
) -> None:
    """Restore the assignment of a VM that was certainly not released.

    An expired lease is dropped, because it would expire again at once.
    """
    assert operation.node_id is not None
    vm = vms.lock(connection, operation.cloud, operation.node_id)
    if vm is None or vm.state != VmState.RELEASING:
        return  # A stop has ended the assignment meanwhile.
    assignment = assignments.of_operation(connection, operation)
    if assignment is not None:
        cause = Cause(who, operation.id, operation.error_code)
        assignments.move(connection, assignment, AssignmentState.ACTIVE, cause)
        if leases.is_expiry(operation):
            leases.drop(connection, assignment)
    vms.set_present(connection, operation.cloud, operation.node_id)


def _nothing_done(connection: Connection, operation: Operation) -> None:
    keys.forget(connection, operation)
    undo_release(connection, operation)


def _text(operation: Operation) -> str:
    return f"Node {operation.node_id} released"


def _answer_of(operation: Operation, shown: Vm | None) -> JsonObject:
    """Return the answer of a release for which the backend returned no result.

    Its ``id`` is that of the VM which the backend shows, or 0.
    """
    identity = shown.id if shown is not None else 0
    return {"id": identity, "id_vm": operation.node_id, "result": _text(operation)}


def _answer(result: AssignmentResult) -> JsonObject:
    return {"id": result.id, "id_vm": result.id_vm, "result": result.result}


def _assigned(operation: Operation) -> Assigned:
    made = RELEASE.made(operation)
    assert isinstance(made, Assigned)
    return made
