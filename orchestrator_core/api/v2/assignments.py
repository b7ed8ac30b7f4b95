"""Routes of assignments: a VM that a user holds, with or without a lease."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

from orchestrator_core.api.errors import NoSuchRecord
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.cloud_resource import Parameters
from orchestrator_core.api.shared.encoded import Encoded, answer_with
from orchestrator_core.api.shared.requests import lease_seconds
from orchestrator_core.api.v2 import answers, queries, requests
from orchestrator_core.api.v2.changes import ChangeResource
from orchestrator_core.api.v2.cursors import USUAL, tell_next, window
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.api.v2.records import RecordsResource, encode_rows
from orchestrator_core.broker.ledger.vm import Assignment, AssignmentEvent
from orchestrator_core.broker.operations.change import Assigned, AssignOrder, Change, VmReference
from orchestrator_core.broker.states import AssignmentState
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.refusals import NotAssigned

_FILTERS: Final = {
    "cloud": "cloud",
    "user": "user",
    "application": "vm_type",
    "node": "node_id",
    "hostname": "hostname",
    "state": "state",
    "caller": "caller",
    "backend": "backend",
}
_CHOICES: Final = {"state": tuple(AssignmentState)}


class AssignmentsResource(ChangeResource[Assigned]):
    """``GET`` and ``POST /assignments``."""

    holds = True
    operation = "assign_vm"
    schema = requests.AssignSchema()

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._records = RecordsResource(services)

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the newest assignments that match the query."""
        given = queries.parameters(req, [*_FILTERS, "limit", "cursor"])
        page = window(given, USUAL)
        filters = await self._records.filters(given, _FILTERS, _CHOICES)

        async def work(wanted: dict[str, Any]) -> tuple[Encoded, str | None]:
            return await self._records.records.assignments(
                wanted,
                page.after,
                lambda found: encode_rows(
                    "assignments", found, answers.shape_assignment, page.limit or USUAL
                ),
            )

        watched = self._records.watched(req, "list_assignments", {**filters}, work)
        body, cursor = await watched
        tell_next(req, resp, given, cursor)
        answer_with(resp, body)

    async def on_post(self, req: Request, resp: Response, **_: str) -> None:
        """Assign a VM to a user and an application."""
        queries.parameters(req, [])
        req.context.body = await super().raw_body(req)
        named = req.context.body.get("cloud")
        cloud = self.cloud(named if isinstance(named, str) else None)
        req.context.cloud = cloud.name
        await self.carry_out(req, resp, cloud.name)

    async def raw_body(self, req: Request) -> Parameters:
        """Return the body, which was read to learn the cloud."""
        body: Parameters = req.context.body
        return body

    def parameters(self, wanted: Parameters) -> Parameters:
        """Return the parameters of the change, as extensions see them in every version."""
        rest = {name: wanted[name] for name in wanted if name not in ("cloud", "application")}
        return {**rest, "vm_type": wanted["application"]}

    async def make(self, change: Change, wanted: Parameters) -> Assigned:
        """Assign the VM."""
        if "node" not in wanted and "hostname" not in wanted:
            raise InvalidParameter("node", "is missing, and so is hostname; give one of them")
        vm = VmReference(wanted.get("node"), wanted.get("hostname"))
        lease = lease_seconds(wanted.get("lease"))
        order = AssignOrder(vm, wanted["user"], wanted["vm_type"], lease)
        return await self.services.broker.assign_vm(change, order)


class _OneAssignmentResource(RecordsResource):
    """A route of one assignment."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._resources = services

    async def _find(self, assignment_id: str) -> tuple[Assignment, Sequence[AssignmentEvent]]:
        found = await self.records.assignment(self.identity(assignment_id))
        if found is None:
            raise NoSuchRecord(f"There is no assignment {assignment_id!r}")
        return found


class AssignmentResource(_OneAssignmentResource):
    """``GET`` and ``DELETE /assignments/{id}``."""

    async def on_get(self, req: Request, resp: Response, assignment_id: str = "", **_: str) -> None:
        """Answer with one assignment and the history of its events."""
        queries.parameters(req, [])

        async def work(wanted: dict[str, Any]) -> tuple[Assignment, Encoded]:
            assignment, events = await self._find(wanted["assignment"])
            return assignment, await asyncio.to_thread(
                answers.encode_assignment, assignment, events
            )

        asked = {"assignment": assignment_id}
        assignment, body = await self.watched(req, "get_assignment", asked, work)
        resp.set_header("ETag", f'"{assignment.generation}"')
        answer_with(resp, body)

    async def on_delete(
        self, req: Request, resp: Response, assignment_id: str = "", **_: str
    ) -> None:
        """Release the VM and destroy it."""
        queries.parameters(req, [])
        assignment, _events = await self._find(assignment_id)
        await _Release(self._resources, assignment, _generation_meant(req)).of(req, resp)


class RenewResource(_OneAssignmentResource):
    """``POST /assignments/{id}/renew``."""

    async def on_post(
        self, req: Request, resp: Response, assignment_id: str = "", **_: str
    ) -> None:
        """Set the end of the lease to the requested duration from now."""
        queries.parameters(req, [])
        assignment, _events = await self._find(assignment_id)
        await _Renew(self._resources, assignment, _generation_meant(req)).of(req, resp)


def _generation_meant(req: Request) -> int | None:
    """Return the generation of an assignment in ``If-Match``; None without the header.

    Raises:
        InvalidQuery: when the header is not the ``ETag`` of an assignment.
    """
    given = req.get_header("If-Match")
    if given is None:
        return None
    found = re.fullmatch(r'"([1-9][0-9]{0,9})"', given.strip())
    if found is None:
        raise InvalidQuery("If-Match", 'must be the ETag of an assignment, such as "3"')
    return int(found[1])


class _OfAssignment(ChangeResource[Assigned]):
    """A change of one assignment, for one request.

    Args:
        services: the objects that resources use.
        assignment: the assignment.
        meant: the generation that the caller means; None if it does not say.
    """

    def __init__(self, services: Services, assignment: Assignment, meant: int | None) -> None:
        super().__init__(services)
        self._assignment = assignment
        self._generation = assignment.generation if meant is None else meant

    def parameters(self, wanted: Parameters) -> Parameters:
        """Return the parameters of the change, as extensions see them."""
        return {**wanted, "node": self._assignment.node_id}

    def check_present(self) -> None:
        """Check that the assignment has not ended.

        Raises:
            NotAssigned: when it has.
        """
        ended = self._assignment
        if ended.ended_at is not None:
            why = f"Assignment {ended.id} has ended: {ended.end_reason or 'released'}"
            raise NotAssigned(why)

    async def of(self, req: Request, resp: Response) -> None:
        """Make the change."""
        req.context.cloud = self._assignment.cloud
        await self.carry_out(req, resp, self._assignment.cloud)


class _Release(_OfAssignment):
    operation = "release_vm"
    schema = requests.NothingSchema()

    async def raw_body(self, req: Request) -> Parameters:
        """Return the body; a release needs none."""
        return await super().raw_body(req) if req.content_length else {}

    async def make(self, change: Change, wanted: Parameters) -> Assigned:
        """Release the VM and destroy it."""
        self.check_present()
        vm = VmReference(wanted["node"])
        return await self.services.broker.release_vm(change, vm, self._generation)


class _Renew(_OfAssignment):
    holds = True
    operation = "renew_vm"
    schema = requests.RenewSchema()

    async def make(self, change: Change, wanted: Parameters) -> Assigned:
        """Set the end of the lease to the requested duration from now."""
        self.check_present()
        lease = lease_seconds(wanted["lease"])
        assert lease is not None
        vm = VmReference(wanted["node"])
        return await self.services.broker.renew_vm(change, vm, lease, self._generation)
