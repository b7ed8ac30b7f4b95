"""Finding out whether a VM is gone, until its cloud confirms it."""

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

_LOOKS: Final = 13
"""How many times an accepted deletion is looked for before it is asked for again: the pauses grow
from a quarter of a second to a minute, so that this takes about three minutes."""


class Confirmation:
    """Looks whether VMs are gone, and writes down what was seen of them.

    Args:
        recorder: of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def look(
        self, operation: Operation, cloud: Cloud, *, has_asked: bool = False
    ) -> Operation:
        """Look whether the VM is gone; ask again if it has not gone for long.

        Args:
            operation: whose deletion the cloud has accepted.
            cloud: the VM's.
            has_asked: whether that was in this very attempt, from which on looks are counted.
        """
        assert operation.node_id is not None
        try:
            _, node = await cloud.look_at(operation.node_id)
        except NodeNotFound as error:
            # The cloud knew it when it took the deletion: it is gone, and not yet to be seen.
            return await self.not_there(operation, cloud, error, young=False)
        except OrchestratorError as error:
            made = outcome.again(operation, error, self._recorder.pause(operation))
            return await self._recorder.progress(operation, made)
        if node.state is NodeState.TERMINATED:
            return await self.gone(operation)
        states = [*sightings.of(await self.attempts(operation)), node.state]
        if sightings.is_revived(states):
            return await self.changed(operation, node)
        if has_asked:
            return await self.still_there(replace(operation, step=Step.DESTROY), node)
        is_due = await self._looks(operation) >= _LOOKS and sightings.is_unchanged(states)
        return await self.still_there(operation, node, Step.DESTROY if is_due else Step.CONFIRM)

    async def changed(self, operation: Operation, node: Node) -> Operation:
        """Leave a VM alone that a person has switched on again."""
        made = outcome.paused(operation, sightings.CHANGED, sightings.explain(operation, node))
        return await self._recorder.progress(operation, made)

    async def still_there(
        self, operation: Operation, node: Node, step: Step = Step.CONFIRM
    ) -> Operation:
        """Write down that the VM is there, and at which step the operation goes on."""
        looks = await self._looks(operation)
        made = Progress(
            OperationState.PENDING,
            step,
            after=self._recorder.look_pause(looks),
            error_code=absence.STILL_THERE,
            error_message=sightings.describe(node),
        )
        return await self._recorder.progress(operation, made)

    async def _looks(self, operation: Operation) -> int:
        return await self._recorder.database.read(
            lambda connection: destruction.looks(connection, operation)
        )

    async def attempts(self, operation: Operation) -> list[Attempt]:
        """Return the attempts of an operation that have ended, in their order."""
        return await self._recorder.database.read(
            lambda connection: attempts.of(connection, operation.id)
        )

    async def not_there(
        self,
        operation: Operation,
        cloud: Cloud,
        error: NodeNotFound,
        *,
        young: bool | None = None,
    ) -> Operation:
        """Believe that there is no such VM, which the plugin says, or wait for more evidence.

        Args:
            operation: whose VM it is.
            cloud: the VM's.
            error: what the plugin raised.
            young: False where the deletion was accepted; None where only the VM's age decides
                whether the cloud may not show it yet.
        """
        was_known = young is not None
        if young is None:
            young = await self._recorder.database.read(
                lambda connection: destruction.is_young(
                    connection, operation, cloud.settings.visibility, self._recorder.clock
                )
            )
        if young:
            doubt: absence.Doubt | None = absence.Doubt("not_visible_yet", error.message)
        else:
            doubt = await self._doubt(operation, cloud, was_accepted=was_known)
        if doubt is None:
            # Nobody has asked for it before, so that it never was there.
            failed = operation.kind == "stop_vm" and operation.attempts == 1 and not was_known
            return await self.gone(operation, error if failed else None)
        made = Progress(
            OperationState.PENDING,
            operation.step,
            after=self._recorder.pause(operation),
            error_code=doubt.code,
            error_message=doubt.message,
        )
        return await self._recorder.progress(operation, made)

    async def _doubt(
        self, operation: Operation, cloud: Cloud, *, was_accepted: bool
    ) -> absence.Doubt | None:
        """Return why the VM need not be gone although its plugin says so; None for no doubt.

        A plugin that gets one VM alone is believed once the cloud has accepted the deletion.
        Before that nothing was deleted, and its word would be the only sign that the VM is gone.
        """
        assert operation.node_id is not None
        if was_accepted and await cloud.reason_against("get_node") is None:
            return None
        ended = await self.attempts(operation)
        empty = sum(attempt.error_code == absence.EMPTY for attempt in ended)
        found = await absence.doubt(cloud, operation.node_id, empty)
        if was_accepted and found is not None and found.code == absence.CONTRADICTION:
            # The plugin has no other way than the list, which shows more than it did just now.
            return replace(found, code=absence.STILL_THERE)
        agreed = empty or any(attempt.error_code == absence.UNLISTED for attempt in ended[-1:])
        if found is not None or was_accepted or agreed:
            return found
        was_there = await self._recorder.database.read(
            lambda connection: destruction.was_there(connection, operation)
        )
        return absence.once_more(operation.node_id) if was_there else None

    async def gone(self, operation: Operation, error: OrchestratorError | None = None) -> Operation:
        """Write down that the VM is gone; with an error, that it never was there."""
        faultpoints.reached("destroy.gone")

        def also(connection: Connection, written: Operation) -> None:
            destruction.write_gone(connection, operation, never_there=error is not None)
            if error is not None:
                keys.forget(connection, written)

        if error is not None:
            made = outcome.failed(operation, error)
            return await self._recorder.progress(operation, made, also)
        answer = dict(operation.result or {"node_id": operation.node_id})
        if operation.kind == "release_vm":
            answer["deletion"] = "done"
        made = Progress(OperationState.SUCCEEDED, operation.step, answer=answer)
        return await self._recorder.progress(operation, made, also)
