"""Schemas of what the database records: operations, assignments, orphans, processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from orchestrator_core.api.v2.schemas.fields import (
    any_object,
    list_of,
    number,
    one_of,
    one_of_or_none,
    optional,
    text,
    time,
    yes_or_no,
)
from orchestrator_core.api.v2.words import KINDS_OF_WORDS
from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.operation import AttemptOutcome
from orchestrator_core.broker.orphans.reasons import MEANINGS as ORPHAN_REASONS
from orchestrator_core.broker.orphans.reasons import OrphanReason
from orchestrator_core.broker.states import END_REASONS, AssignmentState, EndReason, OperationState


def _meanings(words: Mapping[Any, str]) -> str:
    """Return words with their meanings, in Markdown."""
    return "; ".join(f"`{word}`: {meaning}" for word, meaning in words.items())


class OperationErrorSchema(Schema):
    """The last error of an operation."""

    error_code = text("The code for programs.")
    detail = text("What went wrong.")


class OperationSchema(Schema):
    """A change of a VM, as it was recorded before a cloud was called."""

    id = text("The id.")
    kind = one_of(f"The kind of change. {KINDS_OF_WORDS}", *KINDS)
    cloud = text("The name of the cloud.")
    node = optional("The cloud's id of the VM; null while it is unknown.")
    assignment = optional("The assignment that it changes.")
    state = one_of(
        "`running`, `pending` or `paused` until its end; `paused` waits for an operator.",
        *OperationState,
    )
    step = text("The step that it takes next, or took last.")
    caller = text("The name of the token that asked for it.")
    request_id = text("The id of the request.")
    parameters = any_object("What was asked for, without secrets.")
    result = fields.Dict(
        required=True,
        allow_none=True,
        metadata={
            "description": "The body of the answer with 200 or 201, without `operation` and "
            "`secrets`; null until the change is made."
        },
    )
    error = fields.Nested(OperationErrorSchema, required=True, allow_none=True)
    attempts = number("How often it was tried.")
    created_at = time("When it was recorded.")
    next_attempt_at = time("When the next attempt is due.")
    deadline_at = time("When it must have ended.")
    finished_at = time("When it ended.")


class AttemptSchema(Schema):
    """One attempt of an operation."""

    number = number("The number of the attempt, from 1.")
    step = text("The step.")
    process = text("The process that made it.")
    started_at = time("Its beginning.")
    ended_at = time("Its end.")
    outcome = one_of(
        "`ok`; `error`: it failed; `unknown`: it may have changed something; `lost`: its process "
        "ended before it.",
        *AttemptOutcome,
    )
    error_code = optional("The code of its error.")
    detail = optional("The message of its error.")


class OperationWithHistorySchema(OperationSchema):
    """An operation with all its attempts."""

    history = list_of(AttemptSchema)


class AssignmentSchema(Schema):
    """A VM that a user holds, or held."""

    id = text("The id.")
    cloud = text("The name of the cloud.")
    node = text("The cloud's id of the VM.")
    hostname = optional("The hostname of the VM.")
    user = text("The user.")
    application = text("The application.")
    caller = text("The name of the token that asked for it.")
    backend = text("The assignment backend.")
    generation = number("The number of holders that the VM has had, this one included.")
    state = one_of("The state.", *AssignmentState)
    created_at = time("When it was recorded.")
    assigned_at = time("When the backend agreed.")
    lease_expires_at = time("When the lease ends; null without a lease.")
    ended_at = time("When it ended.")
    end_reason = one_of_or_none(
        f"Why it ended: {_meanings(END_REASONS)}. Null until then.", *EndReason
    )


class AssignmentEventSchema(Schema):
    """One event of an assignment."""

    at = time("When.")
    state = one_of("The state from then on.", *AssignmentState)
    operation = optional("The operation.")
    caller = optional("The caller.")
    request_id = optional("The request.")
    reason = optional(
        "Why: an `end_reason`, `renewed`, or the error code of the release that was refused."
    )


class AssignmentWithHistorySchema(AssignmentSchema):
    """An assignment with all its events."""

    history = list_of(AssignmentEventSchema)


class OrphanSchema(Schema):
    """A VM with this installation's marker that no record owns."""

    id = text("The id.")
    cloud = text("The name of the cloud.")
    node = text("The cloud's id of the VM.")
    name = optional("Its name.")
    reason = one_of(f"Why it counts as an orphan: {_meanings(ORPHAN_REASONS)}.", *OrphanReason)
    detail = text("The reason in words.")
    operation = text("The operation that the marker names.")
    first_seen_at = time("When it was seen first.")
    last_seen_at = time("When it was seen last.")
    times_seen = number("The number of complete listings that showed it.")
    ignored_at = time("When an operator decided to ignore it.")
    ignored_by = optional("The operator.")


class OrphanScanSchema(Schema):
    """The result of the last scan of a cloud."""

    cloud = text("The name of the cloud.")
    ended_at = time("When it ended.")
    complete = yes_or_no("Whether the whole list was read.")
    nodes = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The number of VMs listed."}
    )
    detail = optional("Why it failed.")


class OrphansSchema(Schema):
    """The orphans, and the last scans."""

    orphans = list_of(OrphanSchema)
    scans = list_of(OrphanScanSchema)


class ProcessSchema(Schema):
    """A process that works on the database."""

    id = text("The id.")
    kind = one_of(
        "A process of the server, a durable worker, or a command of an operator.",
        *("web", "worker", "command"),
    )
    version = text("The version of the core.")
    started_at = time("When it started.")
    seen_at = time("Its last heartbeat.")
    silent = fields.Float(
        required=True, metadata={"description": "Seconds since its last heartbeat."}
    )


class ProcessesSchema(Schema):
    """The processes, and what they must not do at present."""

    processes = list_of(ProcessSchema)
    destroying_held = optional("Why no VM is destroyed.")
    clock_in_doubt = optional("Why the database's clock is in doubt.")
