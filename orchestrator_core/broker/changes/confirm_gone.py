"""Confirmation that a deleted VM is gone from its cloud."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes import absence, sightings
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger import destruction
from orchestrator_core.broker.operations import attempts, keys, outcome
from orchestrator_core.broker.operations.operation import Attempt, Operation, Progress
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import NodeNotFound, OrchestratorError
from orchestrator_core.model import Node, NodeState

_CHECKS: Final = 13
"""Number of checks after an accepted deletion before the deletion is requested again.

The delays grow from a quarter of a second to a minute, so this takes about three minutes.
"""


class Confirmation:
    """Checks of whether VMs are gone, and records of the states in which they were seen.

    Args:
        recorder: the recorder of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def look(
        self, operation: Operation, cloud: Cloud, *, has_asked: bool = False
    ) -> Operation:
        """Check whether the VM is gone; request the deletion again if it takes too long.

        Args:
            operation: the operation whose deletion the cloud has accepted.
            cloud: the VM's cloud.
            has_asked: whether this same attempt requested the deletion. Looks are counted from
                there.
        """
        assert operation.node_id is not None
        try:
            _, node = await cloud.look_at(operation.node_id)
        except NodeNotFound as error:
            # The cloud knew the VM when it accepted the deletion. So the VM is gone, and not one
            # that a cloud does not show yet.
            return await self.not_there(operation, cloud, error, accepted=True)
        except OrchestratorError as error:
            made = outcome.again(operation, error, self._recorder.delays.retry(operation))
            return await self._recorder.progress(operation, made)
        if node.state is NodeState.TERMINATED:
            return await self.gone(operation)
        states = [*sightings.of(await self.attempts(operation)), node.state]
        if sightings.is_revived(states):
            return await self.changed(operation, node)
        if has_asked:
            return await self.still_there(replace(operation, step=Step.DESTROY), node)
        is_due = await self._checks(operation) >= _CHECKS and sightings.is_unchanged(states)
        return await self.still_there(operation, node, Step.DESTROY if is_due else Step.CONFIRM)

    async def changed(self, operation: Operation, node: Node) -> Operation:
        """Pause the operation, because a person has switched the VM on again."""
        made = outcome.paused(operation, sightings.CHANGED, sightings.explain(operation, node))
        return await self._recorder.progress(operation, made)

    async def still_there(
        self, operation: Operation, node: Node, step: Step = Step.CONFIRM
    ) -> Operation:
        """Record that the VM still exists, and the step at which the operation continues."""
        checks = await self._checks(operation)
        made = Progress(
            OperationState.PENDING,
            step,
            after=self._recorder.delays.confirmation(checks),
            error_code=absence.STILL_THERE,
            error_message=sightings.describe(node),
        )
        return await self._recorder.progress(operation, made)

    async def _checks(self, operation: Operation) -> int:
        return await self._recorder.database.read(
            lambda connection: destruction.checks(connection, operation)
        )

    async def attempts(self, operation: Operation) -> list[Attempt]:
        """Return the ended attempts of an operation, in order."""
        return await self._recorder.database.read(
            lambda connection: attempts.of(connection, operation.id)
        )

    async def not_there(
        self,
        operation: Operation,
        cloud: Cloud,
        error: NodeNotFound,
        *,
        accepted: bool,
    ) -> Operation:
        """Record that the VM is gone, as the plugin reports, or wait for more evidence.

        Args:
            operation: the operation that destroys the VM.
            cloud: the VM's cloud.
            error: the error that the plugin raised.
            accepted: whether the cloud has accepted the deletion, so that it knew the VM. Before
                that, the cloud may not show a new VM yet.
        """
        if not accepted and await self._is_young(operation, cloud):
            doubt: absence.Doubt | None = absence.Doubt("not_visible_yet", error.message)
        else:
            doubt = await self._doubt(operation, cloud, was_accepted=accepted)
        if doubt is None:
            # No earlier attempt requested the deletion, so the VM never existed.
            failed = operation.kind == "stop_vm" and operation.attempts == 1 and not accepted
            return await self.gone(operation, error if failed else None)
        made = Progress(
            OperationState.PENDING,
            operation.step,
            after=self._recorder.delays.retry(operation),
            error_code=doubt.code,
            error_message=doubt.message,
        )
        return await self._recorder.progress(operation, made)

    async def _is_young(self, operation: Operation, cloud: Cloud) -> bool:
        seconds = cloud.settings.visibility_timeout
        return await self._recorder.database.read(
            lambda connection: destruction.is_young(
                connection, operation, seconds, self._recorder.clock
            )
        )

    async def _doubt(
        self, operation: Operation, cloud: Cloud, *, was_accepted: bool
    ) -> absence.Doubt | None:
        """Return the reason to doubt a plugin that reports the VM as missing; None for no doubt.

        A plugin that implements ``get_node`` is believed once the cloud has accepted the
        deletion. Before that nothing was deleted, and the plugin's answer would be the only sign
        that the VM is gone.
        """
        assert operation.node_id is not None
        if was_accepted and await cloud.reason_against("get_node") is None:
            return None
        ended = await self.attempts(operation)
        empty = _empty_in_a_row(ended)
        found = await absence.doubt(cloud, operation.node_id, empty)
        if was_accepted and found is not None and found.code == absence.CONTRADICTION:
            # The plugin gets single VMs from the list, which has just shown fewer VMs than now.
            return replace(found, code=absence.STILL_THERE)
        agreed = empty or any(attempt.error_code == absence.UNLISTED for attempt in ended[-1:])
        if found is not None or was_accepted or agreed:
            return found
        was_there = await self._recorder.database.read(
            lambda connection: destruction.was_there(connection, operation)
        )
        return absence.once_more(operation.node_id) if was_there else None

    async def gone(self, operation: Operation, error: OrchestratorError | None = None) -> Operation:
        """Record that the VM is gone; with an error, that it never existed."""
        faultpoints.reached("destroy.gone")

        def in_transaction(connection: Connection, written: Operation) -> None:
            destruction.write_gone(connection, operation, never_there=error is not None)
            if error is not None:
                keys.forget(connection, written)

        if error is not None:
            made = outcome.failed(operation, error)
            return await self._recorder.progress(operation, made, in_transaction)
        answer = dict(operation.result or {"node_id": operation.node_id})
        if operation.kind == "release_vm":
            answer["deletion"] = "done"
        made = Progress(OperationState.SUCCEEDED, operation.step, answer=answer)
        return await self._recorder.progress(operation, made, in_transaction)


def _empty_in_a_row(ended: list[Attempt]) -> int:
    """Return how many listings were empty since the last one that showed the VM.

    An attempt that failed has seen no listing, and does not count in between.
    """
    count = 0
    for attempt in reversed(ended):
        if attempt.error_code in (absence.STILL_THERE, absence.CONTRADICTION):
            break
        count += attempt.error_code == absence.EMPTY
    return count
