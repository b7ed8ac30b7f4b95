"""The paths of version 2 and their resources."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator_core.api.resource import Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.v2.all_nodes import AllNodesResource
from orchestrator_core.api.v2.assignments import (
    AssignmentResource,
    AssignmentsResource,
    RenewResource,
)
from orchestrator_core.api.v2.clouds import CloudResource, CloudsResource
from orchestrator_core.api.v2.lists import LISTS, ListResource
from orchestrator_core.api.v2.nodes import NodeResource, NodesResource
from orchestrator_core.api.v2.operations import OperationResource, OperationsResource
from orchestrator_core.api.v2.system import OrphansResource, PluginsResource, ProcessesResource


def routes(services: Services) -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)`` for every route; paths begin after ``/api/v2``."""
    yield "/clouds", CloudsResource(services)
    yield "/clouds/{cloud}", CloudResource(services)
    for key, listing in LISTS.items():
        yield f"/clouds/{{cloud}}/{key}", ListResource(services, key, listing)
    yield "/clouds/{cloud}/nodes", NodesResource(services)
    yield "/clouds/{cloud}/nodes/{path:path}", NodeResource(services)
    yield "/nodes", AllNodesResource(services)
    yield "/assignments", AssignmentsResource(services)
    yield "/assignments/{assignment_id}", AssignmentResource(services)
    yield "/assignments/{assignment_id}/renew", RenewResource(services)
    yield "/operations", OperationsResource(services)
    yield "/operations/{operation_id}", OperationResource(services)
    yield "/orphans", OrphansResource(services)
    yield "/plugins", PluginsResource(services)
    yield "/processes", ProcessesResource(services)
