"""The errors that Orchestrator and its plugins raise on purpose.

Plugins raise these errors. Only :mod:`orchestrator_core.api.errors` maps them to HTTP::

    OrchestratorError
    ├── SettingsError              the settings file or the environment is wrong
    ├── PluginError                a plugin cannot be used
    ├── StateUnavailable           the server cannot reach its database
    │   └── CommitUnconfirmed      the change may be recorded or not
    ├── Held                       the change waits for an operator
    │   ├── DestroyHeld            destroying is frozen, or a restore is not confirmed
    │   └── AssignHeld             assigning waits until a restore is confirmed
    ├── DestroyLimit               the limit of destroyed VMs in an hour is reached
    ├── Superseded                 another process has taken the operation over
    ├── Forbidden                  the caller may not do this, or an extension denied it
    ├── RequestError               the caller can correct the request
    │   ├── InvalidParameter       a parameter is missing, malformed or not accepted
    │   ├── NotFound               the cloud has no such thing
    │   │   ├── NodeNotFound
    │   │   │   └── NodeTerminated the cloud still shows the node, but it has ended for good
    │   │   ├── ImageNotFound
    │   │   ├── SizeNotFound
    │   │   └── LocationNotFound
    │   ├── Conflict               wrong state, already assigned, name taken
    │   ├── KeyInUse               the Idempotency-Key's first request has no answer yet
    │   ├── KeyReused              the Idempotency-Key was used before with another body
    │   ├── QuotaExceeded          the cloud's quota or capacity is used up
    │   └── Refused                the cloud or an assignment backend refused, with its reason
    ├── UnknownCloud               no cloud of that name is configured
    ├── Unsupported                the driver does not offer this operation
    │   └── NoAssignmentBackend    the cloud has no assignment backend
    └── CloudError                 the cloud, or the way to it, failed
        ├── CloudUnavailable       its plugin did not load
        ├── CircuitOpen            it failed repeatedly and is not called for a while
        ├── CloudBusy              its threads and its queue are full
        ├── CloudTimeout           no answer before the deadline
        ├── CloudUnreachable       no connection, or the connection broke
        ├── CredentialsRefused     the cloud refused the credentials
        ├── RateLimited            the cloud asks for fewer requests
        ├── InvalidAnswer          the answer does not match the contract
        ├── StartFailed            the VM was started, but will never run
        └── ReleasedNotDestroyed   released, but the VM still exists

Example, in a driver::

    raise NodeNotFound(f"There is no node {node_id!r}")
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar


class OrchestratorError(Exception):
    """Base class of all these errors.

    Args:
        message: one sentence for the person who reads the answer. Never put a
            credential, an inner address or a stack trace into it.
        nothing_done: see the attribute.

    Attributes:
        code: one stable word for programs; part of the API.
        attempts: the number of calls to the cloud before this error; set by the core.
        operation_id: the operation that ended with this error, or that continues despite it.
        network_fault: the host and the system's error behind a failed call, for logs and commands
            only; set by the core.

            .. versionadded:: 0.1
        raised_in: the title of the cloud or the backend whose call failed, such as ``Cloud aws``;
            set by the core. The error of a cloud passes the backend that has asked the cloud, too.

            .. versionadded:: 0.1
        nothing_done: for a change that a plugin's hook refuses. True if it is certain that nothing
            was changed, because the request that would have changed something was itself refused
            or never sent. False if something was changed before the refusal. None if the plugin
            does not say. After a start that ended with False, or with None if the cloud can be
            searched (``find_node``), the core searches for the VM before it accepts the refusal.

            .. versionadded:: 0.1
    """

    code: ClassVar[str] = "internal_error"
    attempts: int = 1
    operation_id: str | None = None
    nothing_done: bool | None = None
    network_fault: str = ""
    raised_in: str = ""

    def __init__(self, message: str, *, nothing_done: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if nothing_done is not None:
            self.nothing_done = nothing_done


class SettingsError(OrchestratorError):
    """The settings are wrong; the message names every fault with its file and key."""

    code = "settings"


class PluginError(OrchestratorError):
    """A plugin cannot be found, loaded or constructed."""

    code = "plugin"


class StateUnavailable(OrchestratorError):
    """The server cannot reach its database.

    Attributes:
        retry_after: the seconds to wait before a repeat.
        reason: the cause, with the database's name and the remedy; shown only to operators.
    """

    code = "state_unavailable"

    def __init__(self) -> None:
        super().__init__("The server cannot reach its database")
        self.retry_after = 5.0
        self.reason = ""


class CommitUnconfirmed(StateUnavailable):
    """The database did not confirm a commit; the change may be recorded or not."""


class Held(OrchestratorError):
    """The change must wait until an operator permits it.

    Attributes:
        retry_after: the seconds to wait before a repeat.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.retry_after = 60.0


class DestroyHeld(Held):
    """Destroying VMs is frozen, or an operator must first confirm a restore of the database."""

    code = "destroy_held"


class AssignHeld(Held):
    """VMs are not assigned until an operator has confirmed the restore of the database."""

    code = "assign_held"


class DestroyLimit(OrchestratorError):
    """As many VMs were destroyed within the last hour as the settings allow.

    Args:
        message: a sentence that names the limit.
        retry_after: the seconds until the next VM may be destroyed.
    """

    code = "destroy_limit"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Superseded(OrchestratorError):
    """The process did not renew its claim in time, and another process took the operation over."""

    code = "superseded"

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"Operation {operation_id} was taken over by another process")
        self.operation_id = operation_id


class Forbidden(OrchestratorError):
    """The caller is known and may not do this; the message is the reason."""

    code = "forbidden"


class RequestError(OrchestratorError):
    """The request cannot be served as it is; the message says why.

    Raise one of the subclasses if one fits.
    """

    code = "request"


class InvalidParameter(RequestError):
    """A parameter is missing, malformed, or not accepted by the cloud.

    Args:
        field: the parameter's name as the caller wrote it.
        reason: what is wrong with the value, and what a right value is.
        nothing_done: see :attr:`OrchestratorError.nothing_done`.

    Attributes:
        others: further parameters that are wrong, each with its reason.
    """

    code = "invalid_parameter"

    def __init__(
        self,
        field: str,
        reason: str,
        *,
        nothing_done: bool | None = None,
        others: Sequence[tuple[str, str]] = (),
    ) -> None:
        rest = "".join(f"; {other}: {why}" for other, why in others)
        message = f"Param not valid: {field}: {reason}{rest}"
        super().__init__(message, nothing_done=nothing_done)
        self.field = field
        self.reason = reason
        self.others = tuple(others)


class NotFound(RequestError):
    """There is nothing of this path, id or name."""

    code = "not_found"


class NodeNotFound(NotFound):
    """The cloud has no such node."""

    code = "node_not_found"


class NodeTerminated(NodeNotFound):
    """The cloud still shows the node, but it has ended for good.

    Its code is that of :class:`NodeNotFound`: clouds differ only in how long they show such a
    node.

    Args:
        message: a sentence that names the node and its state.
        node_ids: the ids of the terminated nodes.
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
        retry_after: the seconds to wait before a repeat.
    """

    code = "idempotency_key_in_use"

    def __init__(self, operation_id: str | None = None) -> None:
        super().__init__(
            "A request with this Idempotency-Key is still in progress; repeat it later"
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
        message: a sentence that names the cloud and what happened.
        retry_after: the seconds to wait before a repeat, if they are known.
        transient: whether the same read may succeed in a moment; the core then repeats it. By
            default the class decides.
        repeat_is_safe: whether it is certain that nothing was done, because no connection was made
            or the whole request was refused. Even a change may then be repeated.
    """

    code = "cloud_error"

    transient: bool = False
    """Whether the core repeats a read that ended with this error; an object may differ."""

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
    """The connection to the cloud failed, or broke before the answer was complete."""

    code = "cloud_unreachable"
    transient = True


class CredentialsRefused(CloudError):
    """The cloud refused the credentials of the settings, or they do not permit this operation."""

    code = "credentials_refused"


class RateLimited(CloudError):
    """The cloud asks for fewer requests."""

    code = "rate_limited"
    transient = True


class InvalidAnswer(CloudError):
    """The cloud's answer cannot be understood, is too large, or breaks the contract."""

    code = "invalid_answer"


class StartFailed(CloudError):
    """The VM was started, but its cloud shows that it will never run."""

    code = "start_failed"


class ReleasedNotDestroyed(CloudError):
    """The assignment was released, but the VM could not be destroyed.

    Args:
        cloud: the cloud's name.
        node_id: the VM, which still exists and has no user any more.
        cause: the error of the attempt to destroy it.
    """

    code = "released_not_destroyed"

    def __init__(self, cloud: str, node_id: str, cause: OrchestratorError) -> None:
        super().__init__(
            f"Node {node_id} of cloud {cloud} is released but not deleted, "
            f"it still exists: {cause.message}"
        )
        self.node_id = node_id
        self.cause = cause


def outcome_of(error: BaseException | None) -> str:
    """Return the outcome of a call in one word: ``ok``, ``abandoned`` or an error code.

    Args:
        error: the error that ended it.
    """
    if error is None:
        return "ok"
    if isinstance(error, OrchestratorError):
        return error.code
    return "abandoned" if isinstance(error, asyncio.CancelledError) else "internal_error"
