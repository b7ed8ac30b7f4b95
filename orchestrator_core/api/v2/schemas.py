"""The schemas of version 2's answers, and the only definition of their shapes."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.states import AssignmentState, OperationState


def _text(description: str) -> fields.String:
    return fields.String(metadata={"description": description})


def _texts(description: str) -> fields.List[str]:
    return fields.List(fields.String(), metadata={"description": description})


class ThingSchema(Schema):
    """A thing of a cloud."""

    id = _text("The cloud's own id.")
    name = _text("The name that the cloud shows.")
    cloud = _text("The name of the cloud in the settings.")


class NodeSchema(ThingSchema):
    """One VM, as its cloud shows it now."""

    state = _text("`running`, `stopped`, `pending` and so on.")
    public_ips = _texts("Its public addresses.")
    private_ips = _texts("Its private addresses.")
    holder = fields.Raw(
        metadata={"description": "The user that it is assigned to, with the lease; null if none."}
    )
    extra = fields.Dict(metadata={"description": "What only this cloud tells."})


class ImageSchema(ThingSchema):
    """An image from which a VM can be started."""

    extra = fields.Dict(metadata={"description": "What only this cloud tells."})


class SizeSchema(ThingSchema):
    """A size that a VM can have."""

    ram = fields.Raw(metadata={"description": "In MB; null if unknown."})
    disk = fields.Raw(metadata={"description": "In GB; null if unknown."})
    cpu = fields.Raw(metadata={"description": "The number of processors; null if unknown."})


class LocationSchema(ThingSchema):
    """A place where a VM can run."""

    country = _text("The country; null if unknown.")


class KeyPairSchema(ThingSchema):
    """A public SSH key that the cloud keeps under a name."""

    fingerprint = _text("The fingerprint in the cloud's own form; null if it has none.")


class NetworkSchema(ThingSchema):
    """A network or subnet."""

    cidr = _text("Its range of addresses; null if unknown.")
    location = _text("The id of the only location in which it can be used; null for any.")


class FirewallSchema(ThingSchema):
    """A security group, firewall group or network tag."""

    description = _text("Its description; null if it has none.")


def _time(description: str) -> fields.DateTime:
    return fields.DateTime(allow_none=True, metadata={"description": description})


def _optional(description: str) -> fields.String:
    return fields.String(allow_none=True, metadata={"description": description})


def _number(description: str) -> fields.Integer:
    return fields.Integer(metadata={"description": description})


def _one_of(description: str, *options: str) -> fields.String:
    return fields.String(validate=validate.OneOf(options), metadata={"description": description})


class FaultSchema(Schema):
    """A fault of a request, with its place."""

    pointer = _text("The place in the body, as a JSON pointer (RFC 6901).")
    parameter = _text("The parameter of the query or the header.")
    detail = _text("What is wrong, and what would be right.")


class ProblemSchema(Schema):
    """An error (RFC 9457)."""

    type = _text("`urn:orchestrator:problem:` and the error code.")
    title = _text("The meaning of the error code.")
    status = _number("The status of the answer.")
    detail = _text("What was refused, and why.")
    error_code = _text("The code for programs.")
    advice = _text("What to do.")
    request_id = _text("The id under which the server's log has the request.")
    errors = fields.List(fields.Nested(FaultSchema))
    operation = _text("The operation that ended with the error, or that continues despite it.")


class OperationErrorSchema(Schema):
    """The last error of an operation."""

    error_code = _text("The code for programs.")
    detail = _text("What went wrong.")


class OperationSchema(Schema):
    """A change of a VM, as it was recorded before a cloud was called."""

    id = _text("The id.")
    kind = _one_of("The kind of change.", *KINDS)
    cloud = _text("The name of the cloud.")
    node = _optional("The cloud's id of the VM; null while it is unknown.")
    assignment = _optional("The assignment that it changes.")
    state = _one_of("`running`, `pending` or `paused` until its end.", *OperationState)
    step = _text("The step that it takes next, or took last.")
    caller = _text("The name of the token that asked for it.")
    request_id = _text("The id of the request.")
    parameters = fields.Dict(metadata={"description": "What was asked for, without secrets."})
    result = fields.Dict(allow_none=True, metadata={"description": "The caller's answer."})
    error = fields.Nested(OperationErrorSchema, allow_none=True)
    attempts = _number("How often it was tried.")
    created_at = _time("When it was recorded.")
    next_attempt_at = _time("When the next attempt is due.")
    deadline_at = _time("When it must have ended.")
    finished_at = _time("When it ended.")


class AttemptSchema(Schema):
    """One attempt of an operation."""

    number = _number("The number of the attempt, from 1.")
    step = _text("The step.")
    process = _text("The process that made it.")
    started_at = _time("Its beginning.")
    ended_at = _time("Its end.")
    outcome = _text("How it ended.")
    error_code = _optional("The code of its error.")
    detail = _optional("The message of its error.")


class OperationWithHistorySchema(OperationSchema):
    """An operation with all its attempts."""

    history = fields.List(fields.Nested(AttemptSchema))


class AssignmentSchema(Schema):
    """A VM that a user holds, or held."""

    id = _text("The id.")
    cloud = _text("The name of the cloud.")
    node = _text("The cloud's id of the VM.")
    hostname = _optional("The hostname of the VM.")
    user = _text("The user.")
    application = _text("The application.")
    caller = _text("The name of the token that asked for it.")
    backend = _text("The assignment backend.")
    generation = _number("The number of holders that the VM has had, this one included.")
    state = _one_of("The state.", *AssignmentState)
    created_at = _time("When it was recorded.")
    assigned_at = _time("When the backend agreed.")
    lease_expires_at = _time("When the lease ends; null without a lease.")
    ended_at = _time("When it ended.")
    end_reason = _optional("Why it ended.")


class AssignmentEventSchema(Schema):
    """One event of an assignment."""

    at = _time("When.")
    state = _text("The state from then on.")
    operation = _optional("The operation.")
    caller = _optional("The caller.")
    request_id = _optional("The request.")
    reason = _optional("The reason.")


class AssignmentWithHistorySchema(AssignmentSchema):
    """An assignment with all its events."""

    history = fields.List(fields.Nested(AssignmentEventSchema))


class NodeReferenceSchema(Schema):
    """A VM that a change concerns."""

    id = _text("The cloud's own id.")
    cloud = _text("The name of the cloud in the settings.")


class StartedNodeSchema(NodeSchema):
    """A VM as the answer to its start shows it."""

    secrets = fields.Dict(
        metadata={"description": "Passwords and the like, which no other answer shows."}
    )


class StartedSchema(Schema):
    """The result of a start."""

    node = fields.Nested(StartedNodeSchema)
    reached = _text("With `wait_for`: how far the VM has come.")
    operation = _text("The id of the operation.")


class ActedSchema(Schema):
    """The result of an action on a VM."""

    node = fields.Nested(NodeReferenceSchema)
    pending = fields.Boolean(
        metadata={"description": "Whether the cloud still works on it; the operation goes on."}
    )
    operation = _text("The id of the operation.")


class ImageMadeSchema(ActedSchema):
    """The result of making an image of a VM."""

    image = fields.Nested(ThingSchema)


class ConsoleSchema(Schema):
    """What a VM has written to its console."""

    output = _text("The end of the text, without known secrets.")


class AssignedSchema(ActedSchema):
    """The result of an assign, a renewal or a release."""

    result = _text("The backend's own text.")
    assignment = _text("The id of the assignment.")
    generation = _number("The generation of the assignment.")
    lease_expires_at = _time("When the lease ends; null without a lease.")
    deletion = _one_of("Of a release: whether the VM is gone.", "done", "pending")


class AcceptedSchema(Schema):
    """A change that is recorded and in progress."""

    operation = fields.Nested(OperationSchema)


def page_of(key: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of a list."""
    return Schema.from_dict(
        {
            key: fields.List(fields.Nested(item)),
            "next": _optional("The cursor of the next page; null after the last."),
        },
        name=f"{item.__name__.removesuffix('Schema')}PageSchema",
    )


class CloudSchema(Schema):
    """A configured cloud."""

    name = _text("The name in the settings.")
    is_default = fields.Boolean(metadata={"description": "Whether it serves without a name."})
    display_name = _optional("The name for people.")
    provider = _optional("The short name of the provider.")
    host = _optional("The host of its API.")
    available = fields.Boolean(metadata={"description": "Whether its plugin can be used."})
    detail = _optional("Why it cannot.")


class CloudsSchema(Schema):
    """The configured clouds."""

    clouds = fields.List(fields.Nested(CloudSchema))


class CloudReportSchema(Schema):
    """What a cloud offers, and its health as this process sees it."""

    name = _text("The name in the settings.")
    driver = _text("The plugin.")
    destroy = _text("The VMs that may be destroyed: `own` or `all`.")
    type = _optional("The name for people.")
    provider = _optional("The short name of the provider.")
    host = _optional("The host of its API.")
    available = fields.Boolean(metadata={"description": "Whether its plugin can be used."})
    message = _optional("Why it cannot.")
    operations = fields.Dict(metadata={"description": "Each operation: supported, or why not."})
    start_fields = fields.Dict(metadata={"description": "Each field of a start, with its limits."})
    circuit = fields.Dict(metadata={"description": "The circuit breaker."})
    threads = fields.Dict(metadata={"description": "The threads that call the cloud."})
    queue = fields.Dict(metadata={"description": "The calls that wait for a thread."})
    last_success = fields.Dict(allow_none=True)
    last_error = fields.Dict(allow_none=True)
    scope = _text("`process`: each process has its own health.")
    pid = _number("The process that answered.")


class CloudAnswerSchema(Schema):
    """The part of one cloud in an answer of several."""

    name = _text("The name of the cloud.")
    answered = fields.Boolean(metadata={"description": "Whether its VMs are in the answer."})
    seconds = fields.Float(metadata={"description": "The time that it took."})
    error_code = _optional("Why it did not answer.")
    detail = _optional("Why it did not answer, in words.")


class AllNodesSchema(Schema):
    """The VMs of several clouds."""

    nodes = fields.List(fields.Nested(NodeSchema))
    complete = fields.Boolean(metadata={"description": "Whether every cloud has answered."})
    clouds = fields.List(fields.Nested(CloudAnswerSchema))


class OrphanSchema(Schema):
    """A VM with this installation's marker that no record owns."""

    cloud = _text("The name of the cloud.")
    node = _text("The cloud's id of the VM.")
    name = _optional("Its name.")
    reason = _text("The reason, in one word.")
    message = _text("The reason.")
    operation = _text("The operation that the marker names.")
    first_seen_at = _time("When it was seen first.")
    last_seen_at = _time("When it was seen last.")
    times_seen = _number("The number of complete listings that showed it.")
    ignored_at = _time("When an operator decided to ignore it.")
    ignored_by = _optional("The operator.")


class OrphanScanSchema(Schema):
    """The result of the last scan of a cloud."""

    cloud = _text("The name of the cloud.")
    ended_at = _time("When it ended.")
    complete = fields.Boolean()
    nodes = fields.Integer(allow_none=True, metadata={"description": "The number of VMs listed."})
    message = _optional("Why it failed.")


class OrphansSchema(Schema):
    """The orphans, and the last scans."""

    orphans = fields.List(fields.Nested(OrphanSchema))
    scans = fields.List(fields.Nested(OrphanScanSchema))


class PluginsSchema(Schema):
    """The plugins found."""

    plugins = fields.List(fields.Dict())


class ProcessSchema(Schema):
    """A process that works on the database."""

    id = _text("The id.")
    kind = _text("`web` or `worker`.")
    version = _text("The version of the core.")
    started_at = _time("When it started.")
    seen_at = _time("Its last heartbeat.")
    silent = fields.Float(metadata={"description": "Seconds since its last heartbeat."})


class ProcessesSchema(Schema):
    """The processes, and what they must not do at present."""

    processes = fields.List(fields.Nested(ProcessSchema))
    destroying_held = _optional("Why no VM is destroyed.")
    clock_in_doubt = _optional("Why the database's clock is in doubt.")
