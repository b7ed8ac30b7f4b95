"""The base class of every change: recorded, made once, answered now or later."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

from marshmallow import Schema

from orchestrator_core import observed
from orchestrator_core.api.errors import recorded_error
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.shared.cloud_resource import CloudResource, Parameters
from orchestrator_core.api.shared.hints import hints_for, naming_the_header
from orchestrator_core.api.shared.idempotency import REPLAYED_HEADER, key_use
from orchestrator_core.api.shared.readable import readable
from orchestrator_core.api.shared.requests import load
from orchestrator_core.broker.operations.change import Change, Made
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.clouds.permit import Permit
from orchestrator_core.errors import KeyInUse, KeyReused
from orchestrator_core.traces.tracer import tracer

M = TypeVar("M", bound=Made)


class ChangeResource(CloudResource, Generic[M]):
    """A route that changes something; each version has its form of the answers.

    Attributes:
        operation: the name of the change for extensions.
        schema: the schema of the request's body.
    """

    schema: Schema
    operation: str

    async def make(self, change: Change, wanted: Parameters) -> M:
        """Make the change."""
        raise NotImplementedError

    async def carry_out(self, req: Request, resp: Response, cloud: str | None) -> None:
        """Make the requested change, or answer with the outcome of an earlier request."""
        asked = self.cloud(cloud)
        hints = hints_for(req, asked)
        body = await self.raw_body(req)
        wanted = self.parameters(load(self.schema, body))
        if self.emulated(resp, wanted):
            return
        requester = self._requester(req, body)
        patience = self.patience(req)
        if await self._replay(req, resp, requester, waits=patience is None):
            return
        recorded = None if patience is None else asyncio.get_running_loop().create_future()

        async def work(parameters: Parameters, permit: Permit) -> M:
            change = Change(asked, permit, requester, hints, recorded)
            with (
                observed.change(self.operation, asked.name, requester.operation_id),
                naming_the_header(),
            ):
                return await self.make(change, parameters)

        call = self.call(req, asked, self.operation, wanted, requester.operation_id)
        making = self.change(call, work)
        try:
            if patience is None or recorded is None:
                self.show_made(req, resp, await making)
                return
            task = asyncio.ensure_future(making)
            if patience:
                await asyncio.wait({task}, timeout=patience)
            if patience and task.done():
                self.show_made(req, resp, await task)
            else:
                self.show_accepted(req, resp, await _first(recorded, task))
        except KeyInUse:
            # Another request with this key was recorded between the look-up and this request's
            # record.
            if not await self._replay(req, resp, requester, waits=patience is None):
                raise

    async def repeat(self, req: Request, resp: Response) -> bool:
        """Answer a repeated request with the same key; return whether there was an earlier one.

        This is for a change whose first request has removed what its path names.
        """
        body = await self.raw_body(req)
        load(self.schema, body)
        waits = self.patience(req) is None
        return await self._replay(req, resp, self._requester(req, body), waits=waits)

    def _requester(self, req: Request, body: Parameters) -> Requester:
        return Requester(
            req.context.caller,
            req.context.request_id,
            key_use(req, body, self._keep),
            self.services.broker.name_operation(),
            tracer().parent(),
        )

    def parameters(self, wanted: Parameters) -> Parameters:
        """Return the parameters of the change, as extensions see them."""
        return wanted

    def patience(self, req: Request) -> float | None:
        """Return the seconds that the caller waits; None for as long as it takes."""
        raise NotImplementedError

    def emulated(self, resp: Response, wanted: Parameters) -> bool:
        """Answer with an example if the caller asks for it; return whether it did."""
        return False

    @property
    def _keep(self) -> float:
        state = self.services.settings.state
        return 0.0 if state is None else state.idempotency_retention

    async def _replay(
        self, req: Request, resp: Response, requester: Requester, *, waits: bool
    ) -> bool:
        """Answer a repeated request with the same key; return whether there was an earlier one.

        Raises:
            KeyReused: when the earlier request had a different body.
            KeyInUse: when the earlier request has no answer yet.
            OrchestratorError: the error with which the earlier request ended.
        """
        records = self.services.broker.records
        if requester.key is None or records is None:
            return False
        found = await records.by_key(requester)
        if found is None:
            return False
        operation, digest = found
        if digest != requester.key.body_digest:
            raise KeyReused
        resp.set_header(REPLAYED_HEADER, "true")
        if operation.result is not None:
            with readable(f"operation {operation.id}"):
                self.show_made(req, resp, KINDS[operation.kind].made(operation))
        elif operation.final:
            raise recorded_error(operation)
        elif waits:
            raise _in_use(operation)
        else:
            self.show_accepted(req, resp, operation)
        return True

    def show_made(self, req: Request, resp: Response, made: Made) -> None:
        """Answer with the result of a change that was made just now or earlier."""
        raise NotImplementedError

    def show_accepted(self, req: Request, resp: Response, operation: Operation) -> None:
        """Answer that a change is recorded and in progress (RFC 9110, 15.3.3)."""
        raise NotImplementedError


def _in_use(operation: Operation) -> KeyInUse:
    error = KeyInUse()
    error.operation_id = operation.id
    return error


async def _first(recorded: asyncio.Future[Operation], task: asyncio.Future[Any]) -> Operation:
    """Wait until a change is recorded; its operation shows the outcome later.

    Raises:
        OrchestratorError: when the change ended before it was recorded.
    """
    await asyncio.wait({recorded, task}, return_when=asyncio.FIRST_COMPLETED)
    if not recorded.done():
        await task
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return await recorded
