"""Every error that Orchestrator and its plugins raise on purpose.

Plugins raise these; the core maps them to HTTP at its edge, nowhere else::

    OrchestratorError
    ├── SettingsError              the settings file or the environment is wrong
    ├── PluginError                a plugin cannot be used
    ├── StateUnavailable           the database cannot be had
    │   └── CommitUnconfirmed             and what was to be written may be written
    ├── Held                       it waits until an operator lets it go on
    │   ├── DestroyHeld            nothing is destroyed: frozen, or out of a backup
    │   └── AssignHeld             nobody is given a VM: the database is out of a backup
    ├── DestroyLimit               enough was destroyed within this hour
    ├── Superseded                 another process has taken the operation over
    ├── Forbidden                  the caller may not do this (an extension denied it)
    ├── RequestError               the caller can mend it
    │   ├── InvalidParameter       a parameter is missing, malformed or not taken
    │   ├── NotFound               there is no such thing in this cloud
    │   │   ├── NodeNotFound
    │   │   │   └── NodeTerminated the cloud still shows it, and it is gone for good
    │   │   ├── ImageNotFound
    │   │   ├── SizeNotFound
    │   │   └── LocationNotFound
    │   ├── Conflict               wrong state, already assigned, name taken
    │   ├── KeyInUse               the Idempotency-Key's first request has no answer yet
    │   ├── KeyReused              the Idempotency-Key came with another body before
    │   ├── QuotaExceeded          the cloud's quota or capacity is used up
    │   └── Refused                the cloud or an assignment backend said no, and why
    ├── UnknownCloud               no cloud of that name is configured
    ├── Unsupported                the driver does not offer this operation
    │   └── NoAssignmentBackend    the cloud has no assignment backend
    └── CloudError                 the cloud, or the way to it, failed
        ├── CloudUnavailable       its plugin did not load; it cannot be asked
        ├── CircuitOpen            it failed again and again; it is left alone for a while
        ├── CloudBusy              its threads and its queue are full
        ├── CloudTimeout           no answer before the deadline
        ├── CloudUnreachable       no connection, or it broke
        ├── CredentialsRefused     the cloud refused our credentials
        ├── RateLimited            the cloud asks us to slow down
        ├── InvalidAnswer         the answer is not what the contract says
        └── ReleasedNotDestroyed   released, but the VM is still there

Example, in a driver::

    raise NodeNotFound(f"There is no node {node_id!r}")
"""

from __future__ import annotations

from typing import ClassVar


class OrchestratorError(Exception):
    """Base of all of them.

    Args:
        message: one sentence for the person who reads the answer. Never put a
            credential, an inner address or a stack trace into it.
        nothing_done: as the attribute.

    Attributes:
        code: one stable word for programs; part of the API.
        attempts: how many times the cloud was asked before this was raised; set by the core.
        operation_id: the operation that it ended, or that goes on although it was raised.
        nothing_done: of a change that a plugin's hook refuses: True if nothing was changed for
            sure, because the request that would have changed something was itself refused or
            never sent; False if something was changed before the refusal; None if the plugin
            does not say. After a start that ended with False, or with None where the cloud can be
            searched (``find_node``), the core looks for the VM before it believes the refusal.

            .. versionadded:: 0.1
    """

    code: ClassVar[str] = "internal_error"
    attempts: int = 1
    operation_id: str | None = None
    nothing_done: bool | None = None

    def __init__(self, message: str, *, nothing_done: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if nothing_done is not None:
            self.nothing_done = nothing_done


class SettingsError(OrchestratorError):
    """The settings are wrong; the message lists every fault with file and key."""

    code = "settings"


class PluginError(OrchestratorError):
    """A plugin cannot be found, loaded or constructed."""

    code = "plugin"


class StateUnavailable(OrchestratorError):
    """The server cannot reach its database.

    Attributes:
        retry_after: seconds after which a repeat makes sense.
        reason: what has failed, with the database's name and what to do; for operators alone.
    """

    code = "state_unavailable"

    def __init__(self) -> None:
        super().__init__("The server cannot reach its database")
        self.retry_after = 5.0
        self.reason = ""


class CommitUnconfirmed(StateUnavailable):
    """The database did not confirm a commit, so that the change may be recorded or not."""


class Held(OrchestratorError):
    """Something waits until an operator lets it go on.

    Attributes:
        retry_after: seconds after which a repeat makes sense.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.retry_after = 60.0


class DestroyHeld(Held):
    """VMs are not destroyed at the moment: an operator has frozen it, or must confirm a restore."""

    code = "destroy_held"


class AssignHeld(Held):
    """VMs are not assigned until an operator has confirmed the restore of the database."""

    code = "assign_held"


class DestroyLimit(OrchestratorError):
    """As many VMs were destroyed within the last hour as the settings allow.

    Args:
        message: naming the limit.
        retry_after: seconds until the next one may be.
    """

    code = "destroy_limit"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Superseded(OrchestratorError):
    """The process did not renew its claim in time, and another one has taken the operation over."""

    code = "superseded"

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"Operation {operation_id} was taken over by another process")
        self.operation_id = operation_id


class Forbidden(OrchestratorError):
    """The caller is known and may not do this; the message is the reason."""

    code = "forbidden"


class RequestError(OrchestratorError):
    """The request cannot be served as it is; the message says why.

    Raise one of the classes below where one fits.
    """

    code = "request"


class InvalidParameter(RequestError):
    """A parameter is missing, malformed, or not accepted by the cloud; ``field`` names it.

    Args:
        field: the parameter's name as the caller wrote it.
        reason: what is wrong with it and what would be right.
        nothing_done: as :attr:`OrchestratorError.nothing_done`.
    """

    code = "invalid_parameter"

    def __init__(self, field: str, reason: str, *, nothing_done: bool | None = None) -> None:
        super().__init__(f"Param not valid: {field}: {reason}", nothing_done=nothing_done)
        self.field = field
        self.reason = reason


class NotFound(RequestError):
    """The cloud has nothing of this id or name."""

    code = "not_found"


class NodeNotFound(NotFound):
    """The cloud has no such node."""

    code = "node_not_found"


class NodeTerminated(NodeNotFound):
    """The cloud still shows the node, but it has ended for good.

    Its code is that of :class:`NodeNotFound`: clouds differ only in how long they show such a
    node.

    Args:
        message: naming the node and its state.
        node_ids: the nodes that were meant.
    """

    def __init__(self, message: str, node_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.node_ids = node_ids


class ImageNotFound(NotFound):
    """The cloud has no such image."""

    code = "image_not_found"


class SizeNotFound(NotFound):
    """The cloud has no such size."""

    code = "size_not_found"


class LocationNotFound(NotFound):
    """The cloud has no such location."""

    code = "location_not_found"


class Conflict(RequestError):
    """The state of the VM, or the name of another one, does not allow this."""

    code = "conflict"


class KeyInUse(RequestError):
    """The first request with this Idempotency-Key has no answer yet.

    Attributes:
        retry_after: seconds after which a repeat makes sense.
    """

    code = "idempotency_key_in_use"

    def __init__(self, operation_id: str | None = None) -> None:
        super().__init__(
            "A request with this Idempotency-Key is still being worked on; repeat it later"
        )
        self.operation_id = operation_id
        self.retry_after = 1.0


class KeyReused(RequestError):
    """The Idempotency-Key was used before, with another body."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used with another body; a new request needs a new key"
        )


class QuotaExceeded(RequestError):
    """The cloud's quota is used up, or it has no capacity left for this."""

    code = "quota_exceeded"


class Refused(RequestError):
    """The cloud or the assignment backend refused this; the message holds its own reason."""

    code = "refused"


class UnknownCloud(OrchestratorError):
    """No cloud of this name is configured."""

    code = "unknown_cloud"

    def __init__(self) -> None:
        super().__init__("Cloud not valid or wrong path")


class Unsupported(OrchestratorError):
    """The cloud's driver does not offer this operation; the message may say why."""

    code = "unsupported"


class NoAssignmentBackend(Unsupported):
    """No assignment backend is configured for this cloud."""

    code = "no_assignment_backend"


class CloudError(OrchestratorError):
    """The cloud, or the way to it, failed; the caller did nothing wrong.

    Args:
        message: what happened, naming the cloud.
        retry_after: seconds after which a repeat makes sense, if known.
        transient: whether the same read may well succeed in a moment; the core then
            repeats it by itself. By default what the class says.
        repeat_is_safe: whether it is certain that nothing was done, so that even a change
            may be repeated: the connection was never made, or the request refused whole.
    """

    code = "cloud_error"

    transient: bool = False
    """Whether the core repeats a read that ended with this, as the class says or the object."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        transient: bool | None = None,
        repeat_is_safe: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.repeat_is_safe = repeat_is_safe
        if transient is not None:
            self.transient = transient


class CloudUnavailable(CloudError):
    """The plugin of this cloud or assignment backend did not load."""

    code = "cloud_unavailable"


class CircuitOpen(CloudError):
    """The cloud failed so often in a row that it is not called for a while."""

    code = "circuit_open"


class CloudBusy(CloudError):
    """All threads of this cloud are busy and its queue is full."""

    code = "cloud_busy"


class CloudTimeout(CloudError):
    """The cloud did not answer before the deadline."""

    code = "cloud_timeout"


class CloudUnreachable(CloudError):
    """No connection to the cloud, or it broke before the answer was whole."""

    code = "cloud_unreachable"
    transient = True


class CredentialsRefused(CloudError):
    """The cloud refused the settings' credentials, or does not allow them to do this."""

    code = "credentials_refused"


class RateLimited(CloudError):
    """The cloud asks for fewer requests."""

    code = "rate_limited"
    transient = True


class InvalidAnswer(CloudError):
    """The cloud's answer cannot be understood, is too large, or breaks the contract."""

    code = "invalid_answer"


class ReleasedNotDestroyed(CloudError):
    """The assignment was released, but the VM could not be destroyed.

    Args:
        cloud: the cloud's name.
        node_id: the VM that is still there, and is nobody's now.
        cause: why it could not be destroyed.
    """

    code = "released_not_destroyed"

    def __init__(self, cloud: str, node_id: str, cause: OrchestratorError) -> None:
        super().__init__(
            f"Node {node_id} of cloud {cloud} is released but not deleted, "
            f"it still exists: {cause.message}"
        )
        self.node_id = node_id
        self.cause = cause
