"""Renewal of a VM's lease, which needs the ledger alone and works while the cloud is down."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from sqlalchemy import Connection

from orchestrator_core import faultpoints
from orchestrator_core.broker.changes.assign import answer_of
from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger import leases
from orchestrator_core.broker.operations import inserts
from orchestrator_core.broker.operations.change import Assigned, Change, VmReference
from orchestrator_core.broker.operations.kinds import RENEW
from orchestrator_core.broker.operations.operation import Operation
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.errors import InvalidParameter, OrchestratorError
from orchestrator_core.model import JsonObject


class Renewer:
    """The renewal of leases, for callers.

    Args:
        recorder: the recorder of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def _which(self, cloud: Cloud, vm: VmReference) -> str:
        """Return the id of the requested VM.

        The cloud is called only if several assigned VMs have the name, to find the living one.

        Raises:
            InvalidParameter, Refused: as :func:`leases.which`.
        """

        def which(connection: Connection) -> str:
            return leases.which(connection, cloud.name, vm)

        try:
            return await self._recorder.database.read(which)
        except InvalidParameter:
            if vm.node is not None or vm.hostname is None:
                raise
            with suppress(OrchestratorError):
                _, living = await cloud.find_named(vm.hostname)
                vm = replace(vm, node=living.id)
            return await self._recorder.database.read(which)

    async def begin(
        self, change: Change, vm: VmReference, seconds: float, generation: int | None
    ) -> Assigned:
        """Renew a lease for a caller; the operation is complete as soon as it is recorded."""
        cloud = change.cloud.name
        node_id = await self._which(change.cloud, vm)
        parameters = {
            "node": vm.node,
            "hostname": vm.hostname,
            "lease": seconds,
            "generation": generation,
        }
        draft = RENEW.draft(cloud, change.requester, parameters, node_id)

        def work(connection: Connection) -> tuple[Operation, JsonObject]:
            renewed = leases.renew(connection, cloud, node_id, seconds, generation)
            answer = {**answer_of(renewed), "id_vm": node_id, "result": f"Node {node_id} renewed"}
            of = replace(draft, assignment_id=renewed.id)
            process = self._recorder.process.id
            operation = inserts.succeeded(connection, of, answer, process)
            leases.add_renewed_event(connection, renewed, operation)
            return operation, answer

        change.permit.begin()
        operation, _ = await self._recorder.record_done(change, work)
        faultpoints.reached("renew.settled")
        made = RENEW.made(operation)
        assert isinstance(made, Assigned)
        return made
