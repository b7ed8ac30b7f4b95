"""Renames of VMs, which the ledger and some backends know by their hostnames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from orchestrator_core.broker.changes.action import UNKNOWN, ActionHandler
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger import renames
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations import outcome
from orchestrator_core.broker.operations.change import Acted
from orchestrator_core.broker.operations.kinds import RENAME
from orchestrator_core.broker.operations.operation import Operation, Progress
from orchestrator_core.broker.states import OperationState
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import NodeNotFound, OrchestratorError


class Renamer(ActionHandler):
    """Handler that renames VMs.

    Args:
        recorder: the recorder of this process.
        namesakes: the check that refuses to rename a VM which a backend knows by its hostname.
    """

    def __init__(self, recorder: Recorder, namesakes: Namesakes) -> None:
        super().__init__(recorder)
        self._namesakes = namesakes

    @classmethod
    def make(cls, recorder: Recorder, namesakes: Namesakes) -> Renamer:
        """Return a renamer for a broker."""
        return cls(recorder, namesakes)

    async def check(self, cloud: Cloud, node_id: str, arguments: Mapping[str, Any]) -> None:
        """Check that no backend knows the VM, or one with the new name, by its hostname alone."""
        await self._namesakes.check_rename(cloud, node_id, arguments["name"])

    def recorded(self, connection: Connection, operation: Operation) -> None:
        """Check the same in the ledger, so that no assignment comes between."""
        backend = self._namesakes.backend_by_hostname(operation.cloud)
        if backend is not None:
            renames.check(connection, _renamed(operation), backend.name)

    def made(self, connection: Connection, operation: Operation) -> None:
        """Record the VM's new name."""
        renames.write(connection, _renamed(operation))

    async def can_tell(self, cloud: Cloud) -> bool:
        """Return whether the cloud shows the names of its VMs."""
        reasons = [await cloud.reason_against(hook) for hook in ("get_node", "list_nodes")]
        return None in reasons

    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Determine whether the VM has the new name; never rename it a second time."""
        assert operation.node_id is not None
        if not await self.can_tell(cloud):
            return await self.unknown(operation)
        try:
            _, node = await cloud.look_at(operation.node_id)
        except NodeNotFound as error:
            return await self._recorder.progress(operation, outcome.failed(operation, error))
        except OrchestratorError as error:
            return await self._recorder.retry(operation, error, unsettled=True)
        if node.name == operation.parameters["name"]:
            made = Acted(node.id, RENAME.done).recorded
            done = Progress(OperationState.SUCCEEDED, operation.step, answer=made)
            return await self._recorder.progress(operation, done, self.made)
        lost = Progress(
            OperationState.FAILED,
            operation.step,
            error_code=UNKNOWN,
            error_message="The cloud's answer was lost, and the cloud still shows another name; "
            "rename the node again",
        )
        return await self.wait_or_end(operation, cloud, lost)


def _renamed(operation: Operation) -> VmKey:
    assert operation.node_id is not None
    return VmKey(operation.cloud, operation.node_id, operation.parameters["name"])
