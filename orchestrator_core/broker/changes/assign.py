"""Assignment of a VM to one user and one application."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes import usable
from orchestrator_core.broker.changes.attempt import FirstAttempt
from orchestrator_core.broker.changes.handler import Handler
from orchestrator_core.broker.changes.recorder import Recorder, Statements
from orchestrator_core.broker.changes.visibility import until_shown
from orchestrator_core.broker.ledger import assignments, renames, safety, vms
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.ledger.vm import Assignment, Cause, Claim, VmKey
from orchestrator_core.broker.operations import inserts, keys, outcome, updates
from orchestrator_core.broker.operations.change import (
    Assigned,
    AssignOrder,
    Change,
    VmReference,
)
from orchestrator_core.broker.operations.kinds import ASSIGN
from orchestrator_core.broker.operations.operation import Draft, Operation, Progress, Requester
from orchestrator_core.broker.states import AssignmentState, EndReason, OperationState
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import OrchestratorError, Refused, RequestError, Unsupported
from orchestrator_core.model import AssignmentResult, AssignRequest, JsonObject, Vm
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state.clock_watch import ClockWatch
from orchestrator_core.uptime import uptime


class Assigner(Handler):
    """Handler that assigns VMs.

    An external backend keeps its own assignments. It is called after the VM is claimed in the
    ledger, so that no other caller can get the VM meanwhile. Any other backend is called before
    the claim; the claim then completes the assignment in one transaction.

    Args:
        recorder: the recorder of this process.
        namesakes: the check that refuses VMs which a backend cannot tell apart from others.
    """

    def __init__(self, recorder: Recorder, namesakes: Namesakes) -> None:
        super().__init__(recorder)
        self._namesakes = namesakes

    @classmethod
    def make(cls, recorder: Recorder, namesakes: Namesakes) -> Assigner:
        """Return an assigner for a broker."""
        return cls(recorder, namesakes)

    async def begin(self, change: Change, backend: Backend, order: AssignOrder) -> Assigned:
        """Assign a VM for a caller."""
        cloud = change.cloud
        if order.lease is not None:
            reason = await cloud.reason_against("stop_vm")
            if reason is not None:
                raise Unsupported(
                    f"The end of a lease destroys the VM, which cloud {cloud.name} does not "
                    f"support: {reason}"
                )
        asked_at = uptime()
        found = await self._choose(cloud, backend, order.vm)
        wanted = AssignRequest(cloud.name, found, order.user, order.vm_type)
        parameters: JsonObject = {
            "node": found.id_vm,
            "hostname": found.hostname,
            "user": order.user,
            "vm_type": order.vm_type,
        }
        if order.lease is not None:
            parameters["lease"] = order.lease
        draft = ASSIGN.draft(cloud.name, change.requester, parameters, found.id_vm).named()
        state = AssignmentState.ASSIGNING if backend.external else AssignmentState.ACTIVE
        claim = Claim(wanted, backend.name, draft.requester, asked_at, state, lease=order.lease)
        if backend.external:
            return await self._outside(change, backend, claim, draft)
        result = await backend.assign_vm(wanted, change.permit)
        return await self._inside(change, claim, draft, result)

    async def _choose(self, cloud: Cloud, backend: Backend, vm: VmReference) -> Vm:
        """Return the requested VM once its cloud shows it.

        A VM that an external backend chose is checked in its cloud as well.

        Raises:
            NodeNotFound: when the VM does not exist, or has ended.
            Refused: when the VM is in an unusable state, or the backend cannot tell it apart from
                another VM.
        """
        deadline = Deadline(backend.guard.seconds("resolve_vm"))

        async def resolve(seconds: float | None) -> Vm:
            return await backend.resolve_vm(cloud.name, vm.node, vm.hostname, seconds)

        if not backend.external:
            return await until_shown(self._recorder, cloud, vm, deadline, resolve)
        found = await resolve(None)

        async def look(seconds: float | None) -> None:
            await usable.check_shown(cloud, found, seconds)

        await until_shown(self._recorder, cloud, VmReference(found.id_vm), deadline, look)
        await self._namesakes.check_assign(backend, cloud, found)
        return found

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Determine the outcome of an assignment from the user that the backend shows."""
        if backend is None:
            why = f"Cloud {cloud.name} no longer has an assignment backend"
            made = outcome.paused(operation, "unknown_outcome", why, unsettled=True)
            return await self._recorder.progress(operation, made)
        assignment = await self._recorder.database.read(
            lambda connection: assignments.of_operation(connection, operation)
        )
        if assignment is None:
            return await self._recorder.progress(
                operation, _ended(operation, "The assignment no longer exists")
            )
        try:
            record = await backend.shown_vm(cloud.name, assignment.node_id)
        except RequestError as error:
            why = f"The backend does not show the user of the VM: {error.message}"
            made = outcome.paused(operation, "unknown_outcome", why, unsettled=True)
            return await self._not_shown(operation, backend, made)
        except OrchestratorError as error:
            return await self._recorder.retry(operation, error, unsettled=True)
        if record.user != assignment.user:
            made = _ended(operation, "The backend does not show the assignment")
            return await self._not_shown(operation, backend, made, _end(EndReason.NOT_MADE))
        result = AssignmentResult(record.id, record.id_vm, f"Node {record.id_vm} assigned")
        return (await self._succeed(operation, assignment, result)).operation or operation

    @staticmethod
    def abandon(connection: Connection, operation: Operation, who: Requester) -> None:
        """End the assignment."""
        assignment = assignments.of_operation(connection, operation)
        if assignment is not None:
            cause = Cause(who, operation.id, EndReason.ABANDONED)
            assignments.move(connection, assignment, AssignmentState.ENDED, cause)

    async def _not_shown(
        self,
        operation: Operation,
        backend: Backend,
        made: Progress,
        in_transaction: Statements | None = None,
    ) -> Operation:
        """Record an outcome once the backend's deadline for the assignment has passed.

        Until then, schedule another look instead.
        """
        delay = await self._recorder.delays.search(operation, backend.guard.seconds("assign_vm"))
        if delay is not None:
            made, in_transaction = outcome.check_again(operation, delay), None
        return await self._recorder.progress(operation, made, in_transaction)

    async def _inside(
        self, change: Change, claim: Claim, draft: Draft, result: AssignmentResult
    ) -> Assigned:
        answer = {"id": result.id, "id_vm": result.id_vm, "result": result.result}
        claim = replace(claim, result=answer)

        def work(connection: Connection) -> tuple[Operation, JsonObject]:
            assignment, _ = _claim(connection, claim, change.cloud.settings, self._recorder.clock)
            answer = answer_of(assignment)
            of = replace(draft, assignment_id=assignment.id)
            return inserts.succeeded(connection, of, answer, self._recorder.process.id), answer

        operation, _ = await self._recorder.record_done(change, work)
        faultpoints.reached("assign.settled")
        return _assigned(operation)

    async def _outside(
        self, change: Change, backend: Backend, claim: Claim, draft: Draft
    ) -> Assigned:
        claimed: list[tuple[Assignment, bool]] = []

        def in_transaction(connection: Connection, operation: Operation) -> Operation:
            assignment, new = _claim(connection, claim, change.cloud.settings, self._recorder.clock)
            if backend.by_hostname:
                renames.check_not_renamed(connection, VmKey(assignment.cloud, assignment.node_id))
            claimed[:] = [(assignment, new)]
            operation = updates.set_assignment(connection, operation, assignment.id)
            if new:
                return operation
            answer = answer_of(assignment)
            done = Progress(OperationState.SUCCEEDED, operation.step, answer=answer)
            return updates.progress(connection, operation, done)

        operation = await self._recorder.record(change, draft, _nothing_done, in_transaction)
        assignment, new = claimed[0]
        if not new:
            return _assigned(operation)
        faultpoints.reached("assign.recorded")
        attempt = FirstAttempt(self._recorder, change, operation, _nothing_done)
        async with attempt.calling(lambda error: attempt.fail(error, _end(EndReason.REFUSED))):
            result = await backend.assign_vm(claim.wanted, change.permit)
        faultpoints.reached("assign.answered")
        done = await self._succeed(operation, assignment, result)
        faultpoints.reached("assign.settled")
        return done

    async def _succeed(
        self, operation: Operation, assignment: Assignment, result: AssignmentResult
    ) -> Assigned:
        answer = {"id": result.id, "id_vm": result.id_vm, "result": result.result}
        answer = answer_of(replace(assignment, result=answer))

        def in_transaction(connection: Connection, written: Operation) -> None:
            if assignment.state == AssignmentState.ENDED:
                return  # Ended by a stop. If that stop fails, the assignment takes this answer.
            cause = Cause(operation_id=written.id)
            assignments.move(connection, assignment, AssignmentState.ACTIVE, cause, answer)

        done = Progress(OperationState.SUCCEEDED, operation.step, answer=answer)
        return _assigned(await self._recorder.progress(operation, done, in_transaction))


def _claim(
    connection: Connection, claim: Claim, cloud: CloudSettings, clock: ClockWatch
) -> tuple[Assignment, bool]:
    """Claim a VM as :func:`ledger.claim` does; refuse a lease if the VM may not be destroyed.

    A VM that has gone since the backend was asked counts as gone even if the database's clock has
    jumped meanwhile.

    Raises:
        Refused: with the reason.
    """
    gained = clock.gained(connection, uptime() - claim.asked_at + 1.0)
    claim = replace(claim, asked_at=claim.asked_at - gained)
    assignment, new = assignments.claim(connection, claim)
    if new and claim.lease is not None:
        vm = vms.get(connection, assignment.cloud, assignment.node_id)
        assert vm is not None
        try:
            safety.check_may_destroy(vm, cloud)
        except Refused as error:
            error.message = f"The end of a lease destroys the VM: {error.message}"
            raise
    return assignment, new


def _end(why: EndReason) -> Statements:
    """Return the statements that end an assignment which was not made."""

    def in_transaction(connection: Connection, operation: Operation) -> None:
        assignment = assignments.of_operation(connection, operation)
        if assignment is not None and assignment.state == AssignmentState.ASSIGNING:
            cause = Cause(operation_id=operation.id, reason=why)
            assignments.move(connection, assignment, AssignmentState.ENDED, cause)

    return in_transaction


def _nothing_done(connection: Connection, operation: Operation) -> None:
    """End an assignment that has not begun, and free its idempotency key."""
    _end(EndReason.NOT_BEGUN)(connection, operation)
    keys.forget(connection, operation)


def _ended(operation: Operation, why: str) -> Progress:
    return Progress(OperationState.FAILED, operation.step, error_code="not_made", error_message=why)


def answer_of(assignment: Assignment) -> JsonObject:
    """Return the answer for the holder of an assignment.

    Its ``id`` is the backend's; the ledger's number of the VM where the backend has none.
    """
    stored = dict(assignment.result or {})
    answer = {
        **stored,
        "id": stored.get("id") or assignment.vm_id,
        "assignment": assignment.id,
        "generation": assignment.generation,
        "lease_expires_at": assignment.lease_expires_at,
    }
    if assignment.lease_expires_at is None:
        del answer["lease_expires_at"]
    return answer


def _assigned(operation: Operation) -> Assigned:
    made = ASSIGN.made(operation)
    assert isinstance(made, Assigned)
    return made
