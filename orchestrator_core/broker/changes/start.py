"""Start of a VM: exactly once, even if the answer is lost or this process dies."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes import half_made, steps
from orchestrator_core.broker.changes.attempt import FirstAttempt
from orchestrator_core.broker.changes.handler import Handler
from orchestrator_core.broker.changes.readiness import Goal, ReadinessWaits
from orchestrator_core.broker.changes.ready import ReadyStep
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.scheduled import schedule_destruction
from orchestrator_core.broker.ledger import vms
from orchestrator_core.broker.ledger.markers import marker_of
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations import attempts, keys, outcome, updates
from orchestrator_core.broker.operations.change import Change, Started
from orchestrator_core.broker.operations.kinds import START
from orchestrator_core.broker.operations.operation import Attempt, Operation, Progress, Requester
from orchestrator_core.broker.operations.start_answer import start_answer
from orchestrator_core.broker.operations.start_order import LIFETIME, StartOrder, WaitFor
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import NodeNotFound, OrchestratorError, Unsupported
from orchestrator_core.model import CloudDescription, Node
from orchestrator_core.state import installation

_EMPTY_SEARCHES: Final = 3
"""Number of listings without any VM after which an empty listing is believed."""

_EMPTY: Final = "empty_listing"


class Starter(Handler):
    """Handler that starts VMs, and determines the outcome of interrupted starts.

    Args:
        recorder: the recorder of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._ready = ReadyStep(recorder)

    async def begin(self, change: Change, order: StartOrder, waits: ReadinessWaits) -> Started:
        """Start a VM for a caller; return once it is as far as the caller waits for.

        At the deadline the caller gets the VM as far as it has come, and the durable worker waits
        on.
        """
        cloud = change.cloud
        deadline = Deadline(cloud.guard.seconds("start_vm"))
        draft = START.draft(cloud.name, change.requester, order.parameters())
        markers: list[str] = []

        def in_transaction(connection: Connection, operation: Operation) -> None:
            markers[:] = [_marker(connection, operation)]

        operation = await self._recorder.record(change, draft, _forget_key, in_transaction)
        faultpoints.reached("start.recorded")
        (marker,) = markers
        step = steps.start(cloud, order, change.permit, marker)
        attempt = FirstAttempt(self._recorder, change, operation, _forget_key)
        async with attempt.calling(lambda error: self._failed(change, operation, error)):
            description, node = await cloud.change("start_vm", step, change.permit, change.hints)
        faultpoints.reached("start.answered")
        if order.wait_for is not WaitFor.ACCEPTED:
            operation = await self._accepted(operation, node)
            faultpoints.reached("start.accepted")
            goal = Goal(order.wait_for, public=order.wants_public_ip)
            started = Started(description, node, operation)
            return await self._ready.wait(started, cloud, goal, waits, deadline)
        operation = await self._succeeded(operation, description, node)
        faultpoints.reached("start.settled")
        return Started(description, node, operation)

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Determine the outcome of a start, or wait on for its VM; never start a second time."""
        if operation.step is Step.READY:
            return await self._ready.look(operation, cloud)
        # A write transaction: locking the installation's id may wait for another transaction,
        # whose commit must be visible afterwards.
        marker = await self._recorder.database.write(lambda c: _marker(c, operation))
        try:
            description, node = await cloud.find_marked(marker)
        except NodeNotFound:
            return await self._missing(operation, cloud, marker)
        except Unsupported as error:
            why = f"The outcome of the start cannot be determined: {error.message}"
            return await self._recorder.progress(
                operation, outcome.paused(operation, "unknown_outcome", why, unsettled=True)
            )
        except OrchestratorError as error:
            return await self._recorder.retry(operation, error, unsettled=True)
        return await self._found(operation, cloud, description, node)

    async def _found(
        self, operation: Operation, cloud: Cloud, description: CloudDescription, node: Node
    ) -> Operation:
        """Record the VM of a start whose answer was lost, or that was refused."""
        refusal = half_made.refusal(await self._attempts(operation))
        if refusal is None and "wait_for" in operation.parameters:
            return await self._ready.look(await self._accepted(operation, node), cloud)
        if refusal is None:
            return await self._succeeded(operation, description, node)
        code, message = refusal
        destroys = await cloud.reason_against("stop_vm") is None
        made = Progress(
            OperationState.FAILED,
            operation.step,
            node_id=node.id,
            error_code=code,
            error_message=half_made.explain(message, node, destroyed=destroys),
        )

        # Keep the idempotency key: the start has created a VM.
        def in_transaction(connection: Connection, written: Operation) -> None:
            half_made.write(connection, written, node, destroy=destroys)

        return await self._recorder.progress(operation, made, in_transaction)

    async def _accepted(self, operation: Operation, node: Node) -> Operation:
        """Record the VM of a start that waits until it is ready."""
        made = Progress(OperationState.RUNNING, Step.READY, node_id=node.id)
        return await self._record_vm(operation, made, node)

    async def _succeeded(
        self, operation: Operation, description: CloudDescription, node: Node
    ) -> Operation:
        answer = start_answer(description, node, operation.parameters)
        made = Progress(OperationState.SUCCEEDED, operation.step, node_id=node.id, answer=answer)
        return await self._record_vm(operation, made, node)

    async def _record_vm(self, operation: Operation, made: Progress, node: Node) -> Operation:
        """Record the progress of a start, and its VM as the installation's own."""

        def in_transaction(connection: Connection, written: Operation) -> None:
            vm = VmKey(written.cloud, node.id, node.name)
            vms.started(connection, vm, written.id, written.created_at)
            _limit_lifetime(connection, written, node)

        def on_superseded(connection: Connection) -> None:
            # If the start was recorded as failed, its VM is an orphan, which the scan finds.
            if updates.record_node(connection, operation, node.id):
                in_transaction(connection, operation)

        return await self._recorder.progress(operation, made, in_transaction, on_superseded)

    async def _failed(self, change: Change, operation: Operation, error: OrchestratorError) -> None:
        """Record an error of a start: nothing was started, or the outcome is unknown."""
        nothing_done = change.permit.withdraw() or outcome.is_nothing_done(error)
        if nothing_done is None and await change.cloud.reason_against("find_node") is not None:
            # Without find_node, the plugin's error is the only evidence.
            nothing_done = outcome.is_refusal(error) or None
        if nothing_done:
            made = outcome.failed(operation, error)
            await self._recorder.progress(operation, made, _forget_key)
            return
        await self._recorder.retry(operation, error, unsettled=True)

    async def _missing(self, operation: Operation, cloud: Cloud, marker: str) -> Operation:
        grace = cloud.settings.visibility_timeout
        delay = await self._recorder.delays.search(operation, grace)
        if delay is not None:
            return await self._recorder.progress(operation, outcome.check_again(operation, delay))
        empty_searches = await self._recorder.database.read(
            lambda connection: _empty_searches(connection, operation)
        )
        try:
            description, nodes = await cloud.list_all()
        except OrchestratorError as error:
            return await self._recorder.retry(operation, error, unsettled=True)
        found = next((node for node in nodes if node.marker == marker), None)
        if found is not None:
            return await self._found(operation, cloud, description, found)
        if not nodes and empty_searches + 1 < _EMPTY_SEARCHES:
            made = replace(outcome.check_again(operation, max(1.0, grace / 4)), error_code=_EMPTY)
            return await self._recorder.progress(operation, made)
        return await self._never_started(operation, grace)

    async def _never_started(self, operation: Operation, grace: float) -> Operation:
        refusal = half_made.refusal(await self._attempts(operation))
        if refusal is not None:
            code, message = refusal
            made = Progress(
                OperationState.FAILED, operation.step, error_code=code, error_message=message
            )
            return await self._recorder.progress(operation, made, _forget_key)
        why = operation.error_message or "The cloud's answer was lost"
        made = Progress(
            OperationState.FAILED,
            operation.step,
            error_code="not_started",
            error_message=f"{why}; the cloud has shown no VM of this start for {grace:g} s",
        )
        return await self._recorder.progress(operation, made)

    async def _attempts(self, operation: Operation) -> list[Attempt]:
        return await self._recorder.database.read(lambda c: attempts.of(c, operation.id))


def _marker(connection: Connection, operation: Operation) -> str:
    # Read each time: an operator may turn the database into another installation meanwhile.
    return marker_of(installation.lock_id_shared(connection), operation.id)


def _limit_lifetime(connection: Connection, start: Operation, node: Node) -> None:
    """Record the end of a VM that has a lifetime, in the transaction that records the VM."""
    lifetime = start.parameters.get(LIFETIME)
    if lifetime is not None:
        requester = Requester(start.caller, start.request_id)
        schedule_destruction(connection, start, node, requester, cause=LIFETIME, after=lifetime)


def _empty_searches(connection: Connection, operation: Operation) -> int:
    """Return the number of attempts in which the cloud showed no VM at all."""
    return sum(one.error_code == _EMPTY for one in attempts.of(connection, operation.id))


def _forget_key(connection: Connection, operation: Operation) -> None:
    keys.forget(connection, operation)
