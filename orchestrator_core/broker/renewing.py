"""Renewing the lease of a VM: the ledger's work alone, whatever its cloud is doing."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker import leases, recording
from orchestrator_core.broker.assigning import answer_of, assigned
from orchestrator_core.broker.change import Assigned, Change, VmReference
from orchestrator_core.broker.operation import Draft, Operation, Step
from orchestrator_core.broker.recorder import Recorder
from orchestrator_core.model import JsonObject


class Renewer:
    """Renews leases.

    Args:
        recorder: of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def begin(
        self, change: Change, vm: VmReference, seconds: float, generation: int | None
    ) -> Assigned:
        """Renew a lease for a caller; it is an operation that is over as soon as it is recorded."""
        cloud = change.cloud.name
        node_id = await self._recorder.database.read(
            lambda connection: leases.which(connection, cloud, vm)
        )
        parameters = {
            "node": vm.node,
            "hostname": vm.hostname,
            "lease": seconds,
            "generation": generation,
        }
        # No step of its own: servers of the version before must be able to show it.
        draft = Draft("renew_vm", cloud, Step.ASSIGN, change.requester, parameters, 0.0, node_id)

        def work(connection: Connection) -> tuple[Operation, JsonObject]:
            renewed = leases.renew(connection, cloud, node_id, seconds, generation)
            answer = {**answer_of(renewed), "id_vm": node_id, "result": f"Node {node_id} renewed"}
            of = replace(draft, assignment_id=renewed.id)
            process = self._recorder.process.id
            operation = recording.succeeded(connection, of, answer, process)
            leases.tell_renewed(connection, renewed, operation)
            return operation, answer

        change.permit.begin()
        operation, answer = await self._recorder.record_done(change, work)
        faultpoints.reached("renew.settled")
        return assigned(answer, operation)
