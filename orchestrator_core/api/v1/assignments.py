"""Routes that show the present and former assignments of VMs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from orchestrator_core.api.encoded import Encoded, answer_with
from orchestrator_core.api.errors import NoSuchRecord
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1 import encoding
from orchestrator_core.api.v1.operations import when
from orchestrator_core.api.v1.paging import page_of
from orchestrator_core.api.v1.records import MOST, RecordsResource, encode_page
from orchestrator_core.broker.ledger.vm import Assignment, AssignmentEvent
from orchestrator_core.broker.states import AssignmentState

_FILTERS: Final = {
    "cloud": "cloud",
    "user": "user",
    "vm_type": "vm_type",
    "node": "node_id",
    "hostname": "hostname",
    "state": "state",
    "caller": "caller",
    "backend": "backend",
}

_CHOICES: Final = {"state": tuple(AssignmentState)}


def _shape(assignment: Assignment) -> dict[str, Any]:
    return {
        "id": assignment.id,
        "cloud": assignment.cloud,
        "node": assignment.node_id,
        "hostname": assignment.hostname,
        "user": assignment.user,
        "vm_type": assignment.vm_type,
        "caller": assignment.caller,
        "backend": assignment.backend,
        "generation": assignment.generation,
        "state": assignment.state,
        "created_at": when(assignment.created_at),
        "assigned_at": when(assignment.assigned_at),
        "lease_expires_at": when(assignment.lease_expires_at),
        "ended_at": when(assignment.ended_at),
        "end_reason": assignment.end_reason,
    }


def _shape_event(event: AssignmentEvent) -> dict[str, Any]:
    return {
        "at": when(event.at),
        "state": event.state,
        "caller": event.caller,
        "request_id": event.request_id,
        "operation": event.operation_id,
        "message": event.reason,
    }


def _encode_history(assignment: Assignment, events: Sequence[AssignmentEvent]) -> Encoded:
    shown = encoding.encode_item(_shape(assignment))
    history = encoding.encode_each(events, _shape_event)
    return Encoded((b'{"status":"ok","assignment":', shown[:-1], b',"history":[', history, b"]}}"))


class AssignmentsResource(RecordsResource):
    """``GET /vm/assignments``."""

    async def on_get(self, req: Request, resp: Response, **_: str) -> None:
        """Answer with the newest assignments that match the query."""
        page = page_of(req)
        limit = page.limit or MOST
        filters = await self.filters(req, _FILTERS, _CHOICES)

        async def work(wanted: dict[str, Any]) -> Encoded:
            return await self.records.assignments(
                wanted,
                page.marker,
                lambda found: encode_page("assignments", found, _shape, limit),
            )

        answer_with(resp, await self.watched(req, "list_assignments", {**filters}, work))


class AssignmentResource(RecordsResource):
    """``GET /vm/assignments/<id>``."""

    async def on_get(self, req: Request, resp: Response, assignment_id: str = "", **_: str) -> None:
        """Answer with one assignment and the history of its events."""

        async def work(wanted: dict[str, Any]) -> Encoded:
            found = await self.records.assignment(self.identity(wanted["assignment"]))
            if found is None:
                raise NoSuchRecord(f"There is no assignment {assignment_id!r}")
            assignment, events = found
            # A lease that is renewed every minute makes half a million events a year.
            return await asyncio.to_thread(_encode_history, assignment, events)

        asked = {"assignment": assignment_id}
        answer_with(resp, await self.watched(req, "get_assignment", asked, work))
