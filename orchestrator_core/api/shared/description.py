"""Descriptions of routes, from which the OpenAPI documents are made.

Each resource describes its methods; a test compares the descriptions with the methods that it
serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core import errors, refusals


@dataclass(frozen=True, slots=True)
class Description:
    """The description of one method of a route.

    Attributes:
        summary: what it does, in one line.
        answer: the schema of the answer; None for an answer without a body.
        status: the status of the answer.
        body: the schema of the request's body; None without one.
        query: the names of the parameters of the query.
        headers: the names of the headers of the request.
        raises: the errors beside those of every request.
        example: the request's body in the example.
        is_async: whether the caller may be answered before the change is made.
        name: the operation's id, from which generated clients name their functions; by default it
            is made from the method and the path.
        shown: the answer to the example; empty without one.
        successor: the path that replaces this one in version 2, for a route that is deprecated.
        is_public: whether callers without a token are served.
        is_versioned: whether the answer has the ETag of an assignment.
        shows_operation: whether the answer to a change has the header ``Operation-Id``.
    """

    summary: str
    answer: type[Schema] | None
    status: int = 200
    body: type[Schema] | None = None
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    raises: tuple[type[errors.OrchestratorError], ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)
    is_async: bool = False
    name: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)
    successor: str = ""
    is_public: bool = False
    is_versioned: bool = False
    shows_operation: bool = False


Descriptions = Mapping[str, Description]
"""The descriptions of a resource, by method in lower case."""

CLOUD_ERRORS: Final = (
    errors.UnknownCloud,
    errors.Unsupported,
    errors.CloudError,
    errors.CloudUnavailable,
    errors.CircuitOpen,
    errors.CloudBusy,
    errors.CloudTimeout,
    errors.CloudUnreachable,
    errors.CredentialsRefused,
    errors.RateLimited,
    errors.InvalidAnswer,
)
"""The errors of every request to a cloud."""

STATE_ERRORS: Final = (errors.StateUnavailable,)
"""The errors of every request that reads or writes the database."""

DESTROY_REFUSALS: Final = (refusals.BeingDestroyed, refusals.NotOwn, refusals.Protected)
"""The refusals to destroy a VM, which its state does not allow."""

RENAME_REFUSALS: Final = (refusals.AlreadyAssigned, refusals.AmbiguousHostname)
"""The refusals to rename a VM."""

ASSIGN_REFUSALS: Final = (
    *DESTROY_REFUSALS,  # the end of the lease destroys the VM
    *RENAME_REFUSALS,
    refusals.AssignmentInProgress,
    refusals.BeingRenamed,
    refusals.IsOrphan,
    refusals.LeaseEnded,
    refusals.NotUsable,
    errors.NoAssignmentBackend,
)
"""The refusals to assign a VM."""

RENEW_REFUSALS: Final = (
    refusals.AssignmentInProgress,
    refusals.LeaseEnded,
    refusals.NoLease,
    refusals.NotAssigned,
    refusals.StaleGeneration,
    errors.NoAssignmentBackend,
)
"""The refusals to set a new end for a lease."""

RELEASE_REFUSALS: Final = (
    *DESTROY_REFUSALS,
    refusals.AmbiguousHostname,
    refusals.AssignmentInProgress,
    refusals.NotAssigned,
    refusals.StaleGeneration,
    errors.NoAssignmentBackend,
)
"""The refusals to release a VM."""

CHANGE_ERRORS: Final = (
    *CLOUD_ERRORS,
    *STATE_ERRORS,
    errors.KeyInUse,
    errors.KeyReused,
    errors.Conflict,
    errors.Refused,
    errors.QuotaExceeded,
    errors.InvalidParameter,
)
"""The errors of every change."""
