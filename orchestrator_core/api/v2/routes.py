"""The table of version 2: its paths, their resources, and what each method does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final

from orchestrator_core import errors
from orchestrator_core.api.errors import NoCloudAnswered, NoSuchRecord
from orchestrator_core.api.resource import Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.description import (
    ASSIGN_REFUSALS,
    CHANGE_ERRORS,
    CLOUD_ERRORS,
    DESTROY_REFUSALS,
    RELEASE_REFUSALS,
    RENEW_REFUSALS,
    STATE_ERRORS,
    Description,
)
from orchestrator_core.api.v2 import requests, schemas
from orchestrator_core.api.v2.all_nodes import AllNodesResource
from orchestrator_core.api.v2.assignments import (
    AssignmentResource,
    AssignmentsResource,
    RenewResource,
)
from orchestrator_core.api.v2.clouds import CloudResource, CloudsResource
from orchestrator_core.api.v2.lists import LISTS, ListResource
from orchestrator_core.api.v2.nodes import ACTIONS, Action, NodeResource, NodesResource
from orchestrator_core.api.v2.openapi import OpenApiResource
from orchestrator_core.api.v2.operations import OperationResource, OperationsResource
from orchestrator_core.api.v2.orphans import (
    DECISIONS,
    Decision,
    DecisionResource,
    OrphanResource,
    OrphansResource,
)
from orchestrator_core.api.v2.system import PluginsResource, ProcessesResource

_PAGE: Final = ("limit", "cursor")
_NODES: Final = ("name", "node_state", "label_selector", "sort")
_CHANGE: Final = ("Idempotency-Key", "Prefer")
_HINTED: Final = (*_CHANGE, "X-Cloud-Hints")
_RECORD: Final = (*STATE_ERRORS, NoSuchRecord, errors.Unsupported)


@dataclass(frozen=True, slots=True)
class Route:
    """One path.

    Attributes:
        path: the path after ``/api/v2``, with Falcon's segments.
        make: the function that makes its resource.
        methods: the descriptions of its methods, in lower case.
        is_part: whether another route serves it, because ids of VMs may contain slashes.
    """

    path: str
    make: Callable[[Services], Resource]
    methods: Mapping[str, Description]
    is_part: bool = False


def _list(key: str) -> Route:
    listing = LISTS[key]
    about = Description(
        f"List the {key} of a cloud.",
        schemas.page_of(key, listing.schema),
        name=f"list_{key}",
        query=(*listing.parameters, *_PAGE),
        headers=("If-None-Match", "X-Cloud-Hints"),
        raises=CLOUD_ERRORS,
    )
    return Route(
        f"/clouds/{{cloud}}/{key}",
        lambda services: ListResource(services, key, listing),
        {"get": about},
    )


def _change(summary: str, answer: type[Any], **more: Any) -> Description:
    usual = {"headers": _HINTED, "raises": CHANGE_ERRORS, "is_async": True}
    given = {**usual, "shows_operation": True, **more}
    return Description(summary, answer, **given)


def _action(name: str, action: Action) -> Route:
    has_body = bool(action.example)
    about = _change(
        action.summary,
        action.answer,
        body=action.schema if has_body else None,
        raises=(*CHANGE_ERRORS, *action.raises, errors.NodeNotFound),
        example=action.example,
        name=f"action_{name}",
    )
    path = f"/clouds/{{cloud}}/nodes/{{node}}/actions/{name}"
    return Route(path, NodeResource, {"post": about}, is_part=True)


def _decision(name: str, decision: Decision) -> Route:
    about = _change(
        decision.summary,
        schemas.AcceptedSchema if decision.is_async else schemas.ActedSchema,
        status=202 if decision.is_async else 200,
        is_async=not decision.is_async,
        headers=("Idempotency-Key",) if decision.is_async else _CHANGE,
        raises=(*CHANGE_ERRORS, *decision.raises, *_RECORD, errors.NodeNotFound),
        name=f"{name}_orphan",
    )
    return Route(
        f"/orphans/{{orphan_id}}/{name}",
        lambda services: DecisionResource(services, decision),
        {"post": about},
    )


_START: Final[dict[str, Any]] = {
    "name": "web-1",
    "image": "1",
    "size": "1",
    "wait_for": "address",
}
_ASSIGN: Final[dict[str, Any]] = {"node": "1", "user": "ann", "application": "cad", "lease": "8h"}

TABLE: Final = (
    Route(
        "/clouds",
        CloudsResource,
        {
            "get": Description(
                "List the configured clouds.",
                schemas.CloudsSchema,
                name="list_clouds",
            )
        },
    ),
    Route(
        "/clouds/{cloud}",
        CloudResource,
        {
            "get": Description(
                "Show what a cloud offers, and its health.",
                schemas.CloudReportSchema,
                name="get_cloud",
                raises=(errors.UnknownCloud,),
            )
        },
    ),
    *map(_list, LISTS),
    Route(
        "/clouds/{cloud}/nodes",
        NodesResource,
        {
            "get": Description(
                "List the VMs of a cloud.",
                schemas.page_of("nodes", schemas.NodeSchema),
                name="list_nodes",
                query=(*_NODES, *_PAGE),
                headers=("If-None-Match", "X-Cloud-Hints"),
                raises=(*CLOUD_ERRORS, *STATE_ERRORS),
            ),
            "post": _change(
                "Start a VM.",
                schemas.StartedSchema,
                name="start_node",
                status=201,
                body=requests.CreateNodeSchema,
                raises=(
                    *CHANGE_ERRORS,
                    errors.ImageNotFound,
                    errors.SizeNotFound,
                    errors.StartFailed,
                ),
                example=_START,
            ),
        },
    ),
    Route(
        "/clouds/{cloud}/nodes/{node:path}",
        NodeResource,
        {
            "get": Description(
                "Show one VM.",
                schemas.NodeSchema,
                name="get_node",
                headers=("If-None-Match", "X-Cloud-Hints"),
                raises=(*CLOUD_ERRORS, *STATE_ERRORS, errors.NodeNotFound),
            ),
            "delete": _change(
                "Destroy a VM, and end its assignment.",
                schemas.ActedSchema,
                name="destroy_node",
                raises=(
                    *CHANGE_ERRORS,
                    *DESTROY_REFUSALS,
                    errors.NodeNotFound,
                    errors.Held,
                    errors.DestroyLimit,
                ),
            ),
        },
    ),
    *starmap(_action, ACTIONS.items()),
    Route(
        "/clouds/{cloud}/nodes/{node}/console",
        NodeResource,
        {
            "get": Description(
                "Show the end of what a VM has written to its console, at most 1 MiB.",
                schemas.ConsoleSchema,
                name="get_console",
                headers=("X-Cloud-Hints",),
                raises=(*CLOUD_ERRORS, errors.NodeNotFound),
            )
        },
        is_part=True,
    ),
    Route(
        "/nodes",
        AllNodesResource,
        {
            "get": Description(
                "List the VMs of all clouds.",
                schemas.AllNodesSchema,
                name="list_all_nodes",
                query=("clouds", *_NODES),
                raises=(NoCloudAnswered,),
            )
        },
    ),
    Route(
        "/assignments",
        AssignmentsResource,
        {
            "get": Description(
                "List assignments, the newest first.",
                schemas.page_of("assignments", schemas.AssignmentSchema),
                name="list_assignments",
                query=(
                    *("cloud", "user", "application", "node", "hostname", "assignment_state"),
                    *("caller", "backend", *_PAGE),
                ),
                raises=(*STATE_ERRORS, errors.Unsupported),
            ),
            "post": _change(
                "Assign a VM to a user.",
                schemas.AssignedSchema,
                name="assign",
                body=requests.AssignSchema,
                raises=(*CHANGE_ERRORS, *ASSIGN_REFUSALS, errors.NodeNotFound, errors.Held),
                example=_ASSIGN,
                is_versioned=True,
            ),
        },
    ),
    Route(
        "/assignments/{assignment_id}",
        AssignmentResource,
        {
            "get": Description(
                "Show one assignment.",
                schemas.AssignmentWithHistorySchema,
                raises=_RECORD,
                name="get_assignment",
                is_versioned=True,
            ),
            "delete": _change(
                "Release a VM from its user, then destroy it.",
                schemas.AssignedSchema,
                name="release",
                headers=(*_HINTED, "If-Match"),
                raises=(
                    *CHANGE_ERRORS,
                    *RELEASE_REFUSALS,
                    *_RECORD,
                    errors.NodeNotFound,
                    errors.Held,
                    errors.DestroyLimit,
                ),
            ),
        },
    ),
    Route(
        "/assignments/{assignment_id}/renew",
        RenewResource,
        {
            "post": _change(
                "Set a new end for the lease.",
                schemas.AssignedSchema,
                name="renew",
                body=requests.RenewSchema,
                headers=(*_HINTED, "If-Match"),
                raises=(*CHANGE_ERRORS, *RENEW_REFUSALS, *_RECORD),
                example={"lease": "1h"},
                is_versioned=True,
            )
        },
    ),
    Route(
        "/operations",
        OperationsResource,
        {
            "get": Description(
                "List operations, the newest first.",
                schemas.page_of("operations", schemas.OperationSchema),
                name="list_operations",
                query=(
                    *("cloud", "operation_state", "kind", "node", "caller", "request_id"),
                    *_PAGE,
                ),
                raises=(*STATE_ERRORS, errors.Unsupported),
            )
        },
    ),
    Route(
        "/operations/{operation_id}",
        OperationResource,
        {
            "get": Description(
                "Show one operation, or wait for its end.",
                schemas.OperationWithHistorySchema,
                name="get_operation",
                query=("wait",),
                raises=_RECORD,
            )
        },
    ),
    Route(
        "/orphans",
        OrphansResource,
        {
            "get": Description(
                "List VMs with this installation's marker that no record owns.",
                schemas.OrphansSchema,
                name="list_orphans",
                query=("cloud",),
                raises=(*STATE_ERRORS, errors.Unsupported),
            )
        },
    ),
    Route(
        "/orphans/{orphan_id}",
        OrphanResource,
        {
            "get": Description(
                "Show one orphan.", schemas.OrphanSchema, name="get_orphan", raises=_RECORD
            )
        },
    ),
    *starmap(_decision, DECISIONS.items()),
    Route(
        "/plugins",
        PluginsResource,
        {
            "get": Description(
                "List the plugins found.",
                schemas.PluginsSchema,
                name="list_plugins",
            )
        },
    ),
    Route(
        "/processes",
        ProcessesResource,
        {
            "get": Description(
                "List the processes that work on the database.",
                schemas.ProcessesSchema,
                name="list_processes",
                raises=(*STATE_ERRORS, errors.Unsupported),
            )
        },
    ),
)
"""All routes of version 2. A new route is a line here, its resource and its schema."""


def routes(services: Services) -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)`` for every route; paths begin after ``/api/v2``."""
    for route in TABLE:
        if not route.is_part:
            yield route.path, route.make(services)
    yield "/openapi.json", OpenApiResource()
