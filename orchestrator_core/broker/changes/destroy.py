"""Destruction of a VM, repeated until its cloud confirms that the VM is gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes import absence, sightings, steps
from orchestrator_core.broker.changes.attempt import FirstAttempt
from orchestrator_core.broker.changes.confirm_gone import Confirmation
from orchestrator_core.broker.changes.handler import Handler
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.changes.visibility import until_shown
from orchestrator_core.broker.ledger import destruction, safety, vms
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations import keys, outcome
from orchestrator_core.broker.operations.change import Change, Made, VmReference
from orchestrator_core.broker.operations.kinds import STOP
from orchestrator_core.broker.operations.operation import Attempt, Operation, Progress, Requester
from orchestrator_core.broker.states import EndReason, OperationState, Step
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.bulkhead import NeverAsked
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.living import check_living
from orchestrator_core.clouds.permit import Permit, Withdrawn
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    CircuitOpen,
    CloudBusy,
    CloudError,
    CloudUnavailable,
    DestroyHeld,
    DestroyLimit,
    InvalidAnswer,
    NodeNotFound,
    NodeTerminated,
    OrchestratorError,
    RateLimited,
    Unsupported,
)
from orchestrator_core.model import Node
from orchestrator_core.refusals import NotOwn

HELD_RETRY_DELAY: Final = 15.0
"""Seconds until a held destruction is tried again."""


_BELIEVED: Final = (
    None,
    NodeNotFound.code,
    absence.EMPTY,
    absence.UNLISTED,
    "not_visible_yet",
)
"""Error codes of a waiting operation whose caller gets NodeNotFound."""


class _StateChanged(OrchestratorError):
    """The VM's state has changed since its deletion was first requested."""

    code = sightings.CHANGED


def _repeat(
    operation: Operation, permit: Permit, ended: list[Attempt], seen: list[Node]
) -> Callable[[Driver], str]:
    """Return the step that destroys a VM; the step stores the node that it saw in ``seen``.

    The step raises _StateChanged when the deletion was requested before and the VM has changed
    since then.
    """
    assert operation.node_id is not None
    before = sightings.of(ended) if sightings.was_asked(ended) else None

    def examine(node: Node) -> None:
        seen[:] = [node]
        states = [*(before or []), node.state]
        if before is not None and (
            sightings.is_revived(states) or not sightings.is_unchanged(states)
        ):
            raise _StateChanged(sightings.describe(node))

    return steps.destroy(VmReference(operation.node_id), permit, examine)


class Destroyer(Handler):
    """Handler that destroys VMs, for callers and for the durable worker.

    Args:
        recorder: the recorder of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._confirmation = Confirmation(recorder)

    async def begin(self, change: Change, vm: VmReference) -> Made:
        """Destroy a VM for a caller; return once the cloud has accepted the deletion."""
        cloud = change.cloud
        deadline = Deadline(cloud.guard.seconds("stop_vm"))
        node_id = await self._resolve(cloud, vm, deadline)
        parameters = {"node": vm.node, "hostname": vm.hostname}
        draft = STOP.draft(cloud.name, change.requester, parameters, node_id)
        ours: list[bool] = []

        def in_transaction(connection: Connection, operation: Operation) -> None:
            safety.check_no_hold(connection)
            ours[:] = [destruction.is_ours(connection, operation)]
            destruction.take(connection, operation, cloud.settings, self._recorder.clock)
            destruction.end_assignment(connection, operation, EndReason.STOPPED)

        try:
            operation = await self._recorder.record(change, draft, _undo, in_transaction)
        except NotOwn:
            # A node that does not exist gets NodeNotFound, as in a cloud with destroy = "all".
            await _check_there(cloud, node_id, deadline)
            raise
        faultpoints.reached("stop.recorded")
        change.permit.check = self._check_again(operation, change.permit.check)
        step = steps.destroy(VmReference(node_id), change.permit)
        attempt = FirstAttempt(self._recorder, change, operation, _undo)
        async with attempt.calling(lambda error: self._failed(attempt, error)):
            try:
                await until_shown(
                    self._recorder,
                    cloud,
                    VmReference(node_id),
                    deadline,
                    lambda seconds: cloud.change(
                        "stop_vm", step, change.permit, change.hints, seconds
                    ),
                )
            except NodeTerminated:
                if ours != [True]:
                    raise
                return STOP.made(await self._confirmation.gone(operation))
        faultpoints.reached("stop.answered")
        accepted = Progress(
            OperationState.PENDING,
            Step.CONFIRM,
            after=self._recorder.delays.confirmation(0),
            answer={"node_id": node_id},
        )
        operation = await self._recorder.progress(operation, accepted)
        faultpoints.reached("stop.settled")
        return STOP.made(operation)

    async def _failed(self, attempt: FirstAttempt, error: OrchestratorError) -> None:
        """Record an error of the first attempt.

        Raises:
            CloudError: in place of a NodeNotFound that the cloud's own list contradicts.
        """
        operation, cloud = attempt.operation, attempt.change.cloud
        if isinstance(error, NodeTerminated):
            await self._confirmation.gone(operation, error)
        elif isinstance(error, NodeNotFound):
            waits = await self._confirmation.not_there(operation, cloud, error, accepted=False)
            if waits.error_code not in _BELIEVED:
                # The caller must not believe the plugin's NodeNotFound either.
                failed = CloudError(f"Cloud {cloud.name} contradicts itself: {waits.error_message}")
                failed.operation_id = operation.id
                raise failed from error
        else:
            begun = not attempt.change.permit.withdraw() or _is_failed_lookup(error)
            await attempt.fail(error, destruction.undo_destroy, begun=begun)

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Continue a destruction: request the deletion, or check whether the VM is gone."""
        if operation.step is Step.CONFIRM:
            return await self._confirmation.look(operation, cloud)
        return await self.ask(operation, cloud)

    @staticmethod
    def abandon(connection: Connection, operation: Operation, who: Requester) -> None:  # noqa: ARG004 - an override
        """Keep the VM as it is, without a holder."""
        destruction.keep(connection, operation)

    async def ask(self, operation: Operation, cloud: Cloud) -> Operation:
        """Request the deletion of the VM, unless destruction is held.

        If an earlier attempt may have requested it, the VM must not have changed since then: a
        person may have switched it on again.
        """
        ended: list[Attempt] = []
        seen: list[Node] = []
        try:
            permit = self._recorder.permit()
            there = await self._recorder.database.write(
                lambda connection: destruction.prepare_retry(
                    connection, operation, cloud.settings, self._recorder.clock
                )
            )
            if not there:
                return await self._confirmation.gone(operation)
            permit.check = self._check_again(operation, permit.check)
            ended = await self._confirmation.attempts(operation)
            step = _repeat(operation, permit, ended, seen)
            await cloud.change("stop_vm", step, permit)
        except OrchestratorError as error:
            return await self._not_asked(operation, cloud, error, ended, seen)
        return await self._confirmation.look(
            replace(operation, step=Step.CONFIRM), cloud, has_asked=True
        )

    async def _not_asked(
        self,
        operation: Operation,
        cloud: Cloud,
        error: OrchestratorError,
        ended: list[Attempt],
        seen: list[Node],
    ) -> Operation:
        """Record why a deletion was not accepted.

        Args:
            operation: the operation that requested the deletion.
            cloud: the VM's cloud.
            error: the error that was raised.
            ended: the attempts before this one.
            seen: the node that the cloud showed; empty when it showed none.
        """
        if isinstance(error, NodeTerminated):
            return await self._confirmation.gone(operation)
        if isinstance(error, NodeNotFound):
            accepted = sightings.was_accepted(ended)
            return await self._confirmation.not_there(operation, cloud, error, accepted=accepted)
        if isinstance(error, _StateChanged):
            (node,) = seen
            is_revived = sightings.is_revived([*sightings.of(ended), node.state])
            confirmation = self._confirmation
            record = confirmation.changed if is_revived else confirmation.still_there
            return await record(operation, node)
        if isinstance(error, DestroyHeld | DestroyLimit):
            made = outcome.again(operation, error, HELD_RETRY_DELAY)
            return await self._recorder.progress(operation, made)
        made = outcome.again(
            operation, error, self._recorder.delays.retry(operation), unsettled=True
        )
        if seen and sightings.was_asked(ended):
            why = f"{sightings.describe(seen[0])}; {error.message}"
            made = replace(made, error_message=why)
        return await self._recorder.progress(operation, made)

    async def _resolve(self, cloud: Cloud, vm: VmReference, deadline: Deadline) -> str:
        """Return the id of the requested VM.

        If no living VM has the name, return our own VM among the terminated ones with that name.

        Raises:
            NodeTerminated: when none or several of the terminated VMs are our own.
        """
        try:
            return await until_shown(
                self._recorder,
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

    def _check_again(
        self, operation: Operation, check: Callable[[], None] | None
    ) -> Callable[[], None]:
        """Return the check that a cloud's thread runs before it destroys, and before each retry.

        The call may have waited for a thread or for a retry; a freeze may have been set meanwhile.
        """

        def check_again() -> None:
            if check is not None:
                check()
            self._recorder.database.read_now(lambda c: destruction.check_still(c, operation))

        return check_again


def _undo(connection: Connection, operation: Operation) -> None:
    keys.forget(connection, operation)
    destruction.undo_destroy(connection, operation)


async def _check_there(cloud: Cloud, node_id: str, deadline: Deadline) -> None:
    """Check that a living node has this id; accept a cloud that cannot answer.

    Raises:
        NodeNotFound: when the cloud shows that the node does not exist, or has ended.
    """
    with suppress(CloudError, Unsupported):
        _, node = await cloud.look_at(node_id, deadline.remaining())
        check_living(node)


def _is_failed_lookup(error: OrchestratorError) -> bool:
    """Return whether the cloud failed at the look-up that precedes a deletion.

    The VM is then destroyed later, as when the cloud fails at the deletion itself. If the cloud
    was not called at all, or answered about another VM, nothing is done.
    """
    not_asked = CloudBusy | CircuitOpen | CloudUnavailable | NeverAsked | RateLimited | Withdrawn
    return isinstance(error, CloudError) and not isinstance(error, not_asked | InvalidAnswer)
