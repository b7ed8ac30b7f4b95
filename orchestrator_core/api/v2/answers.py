"""The form in which version 2 shows records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_core.api.shared.encoded import Encoded
from orchestrator_core.api.shared.encoding import encode, encode_each, encode_item, encode_list
from orchestrator_core.api.shared.readable import readable
from orchestrator_core.api.shared.times import when
from orchestrator_core.api.v2.shapes import Owner, shape_node
from orchestrator_core.broker.ledger.vm import Assignment, AssignmentEvent
from orchestrator_core.broker.operations.change import Acted, Assigned, ImageMade, Made, Started
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.operation import Attempt, Operation

if TYPE_CHECKING:  # they import SQLAlchemy, which is loaded only on a server with a database
    from orchestrator_core.broker.orphans.orphans import Orphan
    from orchestrator_core.broker.queries import OrphanScan


def shape_operation(operation: Operation) -> dict[str, Any]:
    """Return an operation.

    Raises:
        StateUnavailable: when the operation's row is damaged.
    """
    with readable(f"operation {operation.id}"):
        return _shape_operation(operation)


def _shape_operation(operation: Operation) -> dict[str, Any]:
    error = None
    if operation.error_code is not None:
        error = {"error_code": operation.error_code, "detail": operation.error_message}
    return {
        "id": operation.id,
        "kind": operation.kind,
        "cloud": operation.cloud,
        "node": operation.node_id,
        "assignment": operation.assignment_id,
        "state": operation.state,
        "step": operation.step,
        "caller": operation.caller,
        "request_id": operation.request_id,
        "parameters": operation.parameters,
        "result": _result(operation),
        "error": error,
        "attempts": operation.attempts,
        "created_at": when(operation.created_at),
        "next_attempt_at": when(operation.next_attempt_at),
        "deadline_at": when(operation.deadline_at),
        "finished_at": when(operation.finished_at),
    }


def encode_operation(operation: Operation, attempts: Sequence[Attempt]) -> bytes:
    """Return the answer with an operation and its attempts."""
    history = [shape_attempt(attempt) for attempt in attempts]
    return encode({**shape_operation(operation), "history": history})


def _result(operation: Operation) -> dict[str, Any] | None:
    """Return the result of an operation; None without one, and for a kind of a later version."""
    if operation.result is None or operation.kind not in KINDS:
        return None
    return shape_made(operation.cloud, KINDS[operation.kind].made(operation))


def shape_made(cloud: str, made: Made) -> dict[str, Any]:
    """Return the result of a change."""
    if isinstance(made, Started):
        started = {"node": shape_node(Owner(cloud), made.node, secrets=True)}
        return started if made.reached is None else {**started, "reached": made.reached}
    reference = {"id": made.node_id, "cloud": cloud}
    if isinstance(made, ImageMade):
        image = {"id": made.image.id, "name": made.image.name, "cloud": cloud}
        return {"node": reference, "image": image}
    if isinstance(made, Acted):
        return {"node": reference, "pending": made.is_pending}
    assert isinstance(made, Assigned)
    more = dict(made.more)
    more.pop("operation", None)  # version 1 shows the operation of a release only here
    expires_at = more.get("lease_expires_at")
    if isinstance(expires_at, float):
        more["lease_expires_at"] = when(expires_at)
    return {"node": reference, "result": made.result.result, **more}


def shape_attempt(attempt: Attempt) -> dict[str, Any]:
    """Return one attempt of an operation."""
    return {
        "number": attempt.number,
        "step": attempt.step,
        "process": attempt.process,
        "started_at": when(attempt.started_at),
        "ended_at": when(attempt.ended_at),
        "outcome": attempt.outcome,
        "error_code": attempt.error_code,
        "detail": attempt.error_message,
    }


def shape_assignment(assignment: Assignment) -> dict[str, Any]:
    """Return an assignment."""
    return {
        "id": assignment.id,
        "cloud": assignment.cloud,
        "node": assignment.node_id,
        "hostname": assignment.hostname,
        "user": assignment.user,
        "application": assignment.vm_type,
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


def encode_assignment(assignment: Assignment, events: Sequence[AssignmentEvent]) -> Encoded:
    """Return the answer with an assignment and its events; this blocks.

    A lease that is renewed every minute makes half a million events a year.
    """
    shown = encode_item(shape_assignment(assignment))
    return Encoded((shown[:-1], b',"history":[', encode_each(events, shape_event), b"]}"))


def shape_event(event: AssignmentEvent) -> dict[str, Any]:
    """Return one event of an assignment."""
    return {
        "at": when(event.at),
        "state": event.state,
        "operation": event.operation_id,
        "caller": event.caller,
        "request_id": event.request_id,
        "reason": event.reason,
    }


def shape_orphan(orphan: Orphan) -> dict[str, Any]:
    """Return an orphan with the meaning of its reason."""
    return {
        "id": orphan.id,
        "cloud": orphan.cloud,
        "node": orphan.node_id,
        "name": orphan.name,
        "reason": orphan.reason,
        "detail": orphan.explanation,
        "operation": orphan.operation_id,
        "first_seen_at": when(orphan.first_seen_at),
        "last_seen_at": when(orphan.last_seen_at),
        "times_seen": orphan.times_seen,
        "ignored_at": when(orphan.ignored_at),
        "ignored_by": orphan.ignored_by,
    }


def shape_scan(scan: OrphanScan) -> dict[str, Any]:
    """Return the result of a cloud's last orphan scan."""
    return {
        "cloud": scan.cloud,
        "ended_at": when(scan.ended_at),
        "complete": scan.ended_at is not None and scan.error_message is None,
        "nodes": scan.nodes,
        "detail": scan.error_message,
    }


def encode_orphans(found: Sequence[Orphan], scans: Sequence[OrphanScan]) -> Encoded:
    """Return the answer with orphans and the results of scans; this blocks."""
    shown = [shape_scan(scan) for scan in scans]
    return encode_list({}, "orphans", encode_each(found, shape_orphan), {"scans": shown})


def encode_processes(held: str, clock: str, found: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the answer with the processes.

    Args:
        held: why no VM is destroyed; empty if VMs are destroyed.
        clock: why the database's clock is in doubt; empty if it is not.
        found: the rows of the processes.
    """
    shown = [shape_process(process) for process in found]
    holds = {"destroying_held": held or None, "clock_in_doubt": clock or None}
    return encode({"processes": shown, **holds})


def shape_process(process: Mapping[str, Any]) -> dict[str, Any]:
    """Return a process that works on the database."""
    return {
        "id": process["id"],
        "kind": process["kind"],
        "version": process["version"],
        "started_at": when(process["started_at"]),
        "seen_at": when(process["seen_at"]),
        "silent": round(process["silent"], 3),
    }
