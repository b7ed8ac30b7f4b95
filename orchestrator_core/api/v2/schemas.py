"""The schemas of version 2's answers, and the only definition of their shapes."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from orchestrator_core.broker.operations.kinds import KINDS
from orchestrator_core.broker.operations.start_order import WaitFor
from orchestrator_core.broker.states import AssignmentState, OperationState
from orchestrator_core.model import NodeState
from orchestrator_core.plugins.record import Kind, State


def _text(description: str, *, always: bool = True) -> fields.String:
    """Return a text; ``always`` says whether every answer has it."""
    return fields.String(required=always, metadata={"description": description})


def _optional(description: str, *, always: bool = True) -> fields.String:
    about = {"description": description}
    return fields.String(required=always, allow_none=True, metadata=about)


def _texts(description: str) -> fields.List[str]:
    about = {"description": description}
    return fields.List(fields.String(), required=True, metadata=about)


def _things(description: str) -> fields.Dict:
    return fields.Dict(required=True, metadata={"description": description})


def _yes_or_no(description: str) -> fields.Boolean:
    return fields.Boolean(required=True, metadata={"description": description})


def _list_of(item: type[Schema]) -> fields.List[dict[str, object]]:
    return fields.List(fields.Nested(item), required=True)


def _amount(description: str) -> fields.Raw:
    about = {"description": description, "type": ["number", "null"]}
    return fields.Raw(required=True, metadata=about)


def _time(description: str, *, always: bool = True) -> fields.DateTime:
    about = {"description": description}
    return fields.DateTime(required=always, allow_none=True, metadata=about)


def _number(description: str, *, always: bool = True) -> fields.Integer:
    return fields.Integer(required=always, metadata={"description": description})


def _one_of(description: str, *options: str, always: bool = True) -> fields.String:
    about = {"description": description}
    return fields.String(required=always, validate=validate.OneOf(options), metadata=about)


class ThingSchema(Schema):
    """A thing of a cloud."""

    id = _text("The cloud's own id.")
    name = _text("The name that the cloud shows.")
    cloud = _text("The name of the cloud in the settings.")


class HolderSchema(Schema):
    """The user that a VM is assigned to."""

    assignment = _text("The id of the assignment.")
    user = _text("The user.")
    application = _text("The application.")
    generation = _number("The number of holders that the VM has had, this one included.")
    lease_expires_at = _time("When the lease ends; null without a lease.")


class NodeSchema(ThingSchema):
    """One VM, as its cloud shows it now.

    A VM that was just started is shown from the record of its start until its cloud shows it.
    """

    state = fields.String(
        required=True,
        metadata={
            "description": "The state, as the cloud tells it; `unknown` if it tells none.",
            "enum": [state.value for state in NodeState],
        },
    )
    public_ips = _texts("Its public addresses.")
    private_ips = _texts("Its private addresses.")
    image = _optional("The id or the name of the image of its start; null if unknown.")
    size = _optional("The id or the name of its size; null if unknown.")
    created_at = fields.Raw(  # the encoder writes times; a field for them has no fast code
        required=True,
        metadata={
            "description": "When the cloud created it; null if unknown.",
            "type": ["string", "null"],
            "format": "date-time",
        },
    )
    tags = fields.Dict(
        required=True,
        metadata={
            "description": 'Its tags or labels; a tag that is a word has the value `""`.',
            "additionalProperties": {"type": "string"},
        },
    )
    holder = fields.Raw(  # a plain field, which the fast code for long lists can show
        required=True,
        metadata={
            "description": "The user that it is assigned to, with the lease; null if none.",
            "oneOf": [{"$ref": "#/components/schemas/Holder"}, {"type": "null"}],
        },
    )
    extra = _things("What only this cloud tells.")


class ImageSchema(ThingSchema):
    """An image from which a VM can be started."""

    extra = _things("What only this cloud tells.")


class SizeSchema(ThingSchema):
    """A size that a VM can have."""

    ram = _amount("In MB; null if unknown.")
    disk = _amount("In GB; null if unknown.")
    cpu = _amount("The number of processors; null if unknown.")


class LocationSchema(ThingSchema):
    """A place where a VM can run."""

    country = _optional("The country; null if unknown.")


class KeyPairSchema(ThingSchema):
    """A public SSH key that the cloud keeps under a name."""

    fingerprint = _optional("The fingerprint in the cloud's own form; null if it has none.")


class NetworkSchema(ThingSchema):
    """A network or subnet."""

    cidr = _optional("Its range of addresses; null if unknown.")
    location = _optional("The id of the only location in which it can be used; null for any.")


class FirewallSchema(ThingSchema):
    """A security group, firewall group or network tag."""

    description = _optional("Its description; null if it has none.")


class FaultSchema(Schema):
    """A fault of a request, with its place."""

    pointer = _text("The place in the body, as a JSON pointer (RFC 6901).", always=False)
    parameter = _text("The parameter of the query or the header.", always=False)
    detail = _text("What is wrong, and what would be right.")


class ProblemSchema(Schema):
    """An error (RFC 9457)."""

    type = _text("`urn:orchestrator:problem:` and the error code.")
    title = _text("The meaning of the error code.")
    status = _number("The status of the answer.")
    detail = _text("What was refused, and why.")
    error_code = _text("The code for programs.")
    advice = _text("What to do.")
    request_id = _optional("The id under which the server's log has the request.")
    errors = fields.List(fields.Nested(FaultSchema))
    operation = _text(
        "The operation that ended with the error, or that continues despite it.", always=False
    )


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
    state = _one_of(
        "`running`, `pending` or `paused` until its end; `paused` waits for an operator.",
        *OperationState,
    )
    step = _text("The step that it takes next, or took last.")
    caller = _text("The name of the token that asked for it.")
    request_id = _text("The id of the request.")
    parameters = _things("What was asked for, without secrets.")
    result = fields.Dict(
        required=True, allow_none=True, metadata={"description": "The caller's answer."}
    )
    error = fields.Nested(OperationErrorSchema, required=True, allow_none=True)
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

    history = _list_of(AttemptSchema)


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

    history = _list_of(AssignmentEventSchema)


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

    node = fields.Nested(StartedNodeSchema, required=True)
    reached = _one_of(
        "With `wait_for`: how far the VM has come.",
        *(state.value for state in WaitFor),
        always=False,
    )
    operation = _text("The id of the operation.", always=False)


class ActedSchema(Schema):
    """The result of an action on a VM."""

    node = fields.Nested(NodeReferenceSchema, required=True)
    pending = fields.Boolean(
        metadata={"description": "Whether the cloud still works on it; the operation goes on."}
    )
    operation = _text("The id of the operation.", always=False)


class ImageMadeSchema(ActedSchema):
    """The result of making an image of a VM."""

    image = fields.Nested(ThingSchema, required=True)


class ConsoleSchema(Schema):
    """The text that a VM has written to its console."""

    output = _text("The end of the text, without known secrets.")


class AssignedSchema(ActedSchema):
    """The result of an assign, a renewal or a release."""

    result = _text("The backend's own text.")
    assignment = _text("The id of the assignment.", always=False)
    generation = _number("The generation of the assignment.", always=False)
    lease_expires_at = _time("When the lease ends; null without a lease.", always=False)
    deletion = _one_of("Of a release: whether the VM is gone.", "done", "pending", always=False)


class AcceptedSchema(Schema):
    """A change that is recorded and in progress."""

    operation = fields.Nested(OperationSchema, required=True)


def page_of(key: str, item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of a list."""
    return Schema.from_dict(
        {
            key: _list_of(item),
            "next": _optional("The cursor of the next page; null after the last."),
        },
        name=f"{item.__name__.removesuffix('Schema')}PageSchema",
    )


class CloudSchema(Schema):
    """A configured cloud."""

    name = _text("The name in the settings.")
    is_default = _yes_or_no("Whether it serves without a name.")
    display_name = _optional("The name for people.")
    provider = _optional("The short name of the provider.")
    host = _optional("The host of its API.")
    available = _yes_or_no("Whether its plugin can be used.")
    detail = _optional("Why it cannot.")


class CloudsSchema(Schema):
    """The configured clouds."""

    clouds = _list_of(CloudSchema)


class LastCallSchema(Schema):
    """The last call of a cloud with a certain outcome."""

    operation = _text("The operation, such as `list_nodes`.")
    at = _time("When the call ended.")


class LastErrorSchema(LastCallSchema):
    """The last failed call of a cloud."""

    error_code = _text("The code of its error.")
    detail = _text("The message of its error.")


class CloudReportSchema(Schema):
    """The offer of a cloud, and its health as this process sees it."""

    name = _text("The name in the settings.")
    driver = _text("The plugin.")
    destroy = _text("The VMs that may be destroyed: `own` or `all`.")
    display_name = _optional("The name for people.")
    provider = _optional("The short name of the provider.")
    host = _optional("The host of its API.")
    available = _yes_or_no("Whether its plugin can be used.")
    detail = _optional("Why the plugin cannot be used; null if it can.")
    operations = _things("Each operation: supported, or why not.")
    start_fields = _things("Each field of a start, with its limits.")
    circuit = _things("The circuit breaker.")
    threads = _things("The threads that call the cloud.")
    queue = _things("The calls that wait for a thread.")
    last_success = fields.Nested(LastCallSchema, required=True, allow_none=True)
    last_error = fields.Nested(LastErrorSchema, required=True, allow_none=True)
    scope = _text("`process`: each process has its own health.")
    pid = _number("The process that answered.")


class CloudAnswerSchema(Schema):
    """The part of one cloud in an answer of several."""

    name = _text("The name of the cloud.")
    answered = _yes_or_no("Whether its VMs are in the answer.")
    seconds = fields.Float(required=True, metadata={"description": "The time that it took."})
    error_code = _optional("Why it did not answer.")
    detail = _optional("Why it did not answer, in words.")


class AllNodesSchema(Schema):
    """The VMs of several clouds."""

    nodes = _list_of(NodeSchema)
    complete = _yes_or_no("Whether every cloud has answered.")
    clouds = _list_of(CloudAnswerSchema)


class OrphanSchema(Schema):
    """A VM with this installation's marker that no record owns."""

    id = _text("The id.")
    cloud = _text("The name of the cloud.")
    node = _text("The cloud's id of the VM.")
    name = _optional("Its name.")
    reason = _text("The reason, in one word.")
    detail = _text("The reason.")
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
    complete = _yes_or_no("Whether the whole list was read.")
    nodes = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The number of VMs listed."}
    )
    detail = _optional("Why it failed.")


class OrphansSchema(Schema):
    """The orphans, and the last scans."""

    orphans = _list_of(OrphanSchema)
    scans = _list_of(OrphanScanSchema)


class PluginUseSchema(Schema):
    """A section of the settings that uses a plugin."""

    name = _text("The name of the cloud, the backend or the extension in the settings.")
    state = _one_of(
        "Whether it can be used. `orchestrator plugins` prints `configured`: it loads plugins, and "
        "makes no objects of them.",
        *("ready", "failed", "configured"),
    )
    detail = _optional("Why it cannot be used; null if it can.")


class PluginSchema(Schema):
    """A plugin that is installed, and the result of loading it."""

    name = _text("The name by which the settings choose it.")
    kind = _one_of("The kind of plugin.", *(kind.value for kind in Kind))
    distribution = _text("The installed package.")
    version = _text("The version of the package.")
    state = _one_of("The result of loading it.", *(state.value for state in State))
    stage = _optional("The step at which loading ended; null if it was loaded.")
    detail = _optional("Why loading ended there; null if it was loaded.")
    hooks = _texts("The hooks that it implements.")
    deprecations = _texts("The deprecated names that it uses, each with its replacement.")
    warnings = _texts("The faults of its installation that do not prevent its use.")
    used_by = _list_of(PluginUseSchema)


class PluginsSchema(Schema):
    """The plugins found."""

    plugins = _list_of(PluginSchema)


class ProcessSchema(Schema):
    """A process that works on the database."""

    id = _text("The id.")
    kind = _text("`web`, `worker` or `command`.")
    version = _text("The version of the core.")
    started_at = _time("When it started.")
    seen_at = _time("Its last heartbeat.")
    silent = fields.Float(
        required=True, metadata={"description": "Seconds since its last heartbeat."}
    )


class ProcessesSchema(Schema):
    """The processes, and what they must not do at present."""

    processes = _list_of(ProcessSchema)
    destroying_held = _optional("Why no VM is destroyed.")
    clock_in_doubt = _optional("Why the database's clock is in doubt.")
