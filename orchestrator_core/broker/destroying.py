"""Destroying a VM until its cloud confirms that it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker import (
    absence,
    attempts,
    destruction,
    keys,
    ledger,
    limits,
    sightings,
    steps,
    verdict,
    vms,
)
from orchestrator_core.broker.change import Acted, Change, VmReference
from orchestrator_core.broker.operation import (
    Attempt,
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
from orchestrator_core.model import Node, NodeState

_LOOKS: Final = 13
"""How many times an accepted deletion is looked for before it is asked for again: the pauses grow
from a quarter of a second to a minute, so that this takes about three minutes."""

HELD_LOOK: Final = 15.0
"""Seconds until what may not be destroyed just now is looked at again."""


_BELIEVED: Final = (
    None,
    NodeNotFound.code,
    absence.EMPTY,
    absence.UNLISTED,
    "not_visible_yet",
)
"""What an operation says whose caller is told that there is no such VM."""


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
            waits = await self._not_there(operation, cloud, error)
            if waits.error_code in _BELIEVED:
                raise
            # The caller must not take the plugin's word for it either.
            failed = CloudError(f"Cloud {cloud.name} contradicts itself: {waits.error_message}")
            failed.operation_id = operation.id
            raise failed from error
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
        """Ask the cloud to destroy the VM, if that may be done just now.

        Where it may have been asked before, the VM is looked at first: its state may have been
        changed by a person since then.
        """
        seen: Node | None = None
        try:
            permit = self._recorder.permit()
            looked = await self._look_before(operation, cloud)
            if isinstance(looked, Operation):
                return looked
            seen = looked
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
            if seen is not None:
                why = f"{sightings.describe(seen)}; {error.message}"
                made = replace(made, error_message=why)
            return await self._recorder.progress(operation, made)
        return await self.look(replace(operation, step=Step.CONFIRM), cloud, has_asked=True)

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
            return await self._not_there(operation, cloud, error, young=False)
        except OrchestratorError as error:
            made = verdict.again(operation, error, self._recorder.pause(operation))
            return await self._recorder.progress(operation, made)
        if node.state is NodeState.TERMINATED:
            return await self._gone(operation)
        states = [*sightings.of(await self._attempts(operation)), node.state]
        if sightings.is_revived(states):
            return await self._changed(operation, node)
        if has_asked:
            return await self._still_there(replace(operation, step=Step.DESTROY), node)
        is_due = await self._looks(operation) >= _LOOKS and sightings.is_unchanged(states)
        return await self._still_there(operation, node, Step.DESTROY if is_due else Step.CONFIRM)

    async def _look_before(self, operation: Operation, cloud: Cloud) -> Operation | Node | None:
        """Take the VM, and look at it if its deletion may have been asked for before.

        Returns:
            The VM; the operation if the VM is gone or not to be destroyed once more; None where
            its deletion was never asked for.

        Raises:
            DestroyHeld, DestroyLimit: when it may not be destroyed now.
        """
        there = await self._recorder.database.write(
            lambda connection: destruction.take_again(connection, operation, cloud.settings)
        )
        if not there:
            return await self._gone(operation)
        ended = await self._attempts(operation)
        if not sightings.was_asked(ended):
            return None
        return await self._look_once_more(operation, cloud, ended)

    async def _look_once_more(
        self, operation: Operation, cloud: Cloud, ended: list[Attempt]
    ) -> Operation | Node:
        assert operation.node_id is not None
        try:
            _, node = await cloud.look_at(operation.node_id)
        except NodeNotFound as error:
            young = False if sightings.was_accepted(ended) else None
            return await self._not_there(operation, cloud, error, young=young)
        if node.state is NodeState.TERMINATED:
            return await self._gone(operation)
        states = [*sightings.of(ended), node.state]
        if sightings.is_revived(states):
            return await self._changed(operation, node)
        if not sightings.is_unchanged(states):
            return await self._still_there(operation, node)
        return node

    async def _changed(self, operation: Operation, node: Node) -> Operation:
        """Leave a VM alone that a person has switched on again."""
        made = verdict.paused(operation, sightings.CHANGED, sightings.explain(operation, node))
        return await self._recorder.progress(operation, made)

    async def _still_there(
        self, operation: Operation, node: Node, step: Step = Step.CONFIRM
    ) -> Operation:
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

    async def _attempts(self, operation: Operation) -> list[Attempt]:
        return await self._recorder.database.read(
            lambda connection: attempts.of(connection, operation.id)
        )

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
        if young:
            doubt: absence.Doubt | None = absence.Doubt("not_visible_yet", error.message)
        else:
            doubt = await self._doubt(operation, cloud, was_accepted=was_known)
        if doubt is None:
            # Nobody has asked for it before, so that it never was there.
            failed = operation.kind == "stop_vm" and operation.attempts == 1 and not was_known
            return await self._gone(operation, error if failed else None)
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
        ended = await self._attempts(operation)
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
