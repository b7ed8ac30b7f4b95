"""The paths of version 1 and their resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator_core.api.resource import Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1.assignment import (
    AssignResource,
    ReleaseResource,
    RenewResource,
    UnknownActionResource,
    VmStatusResource,
)
from orchestrator_core.api.v1.assignments import AssignmentResource, AssignmentsResource
from orchestrator_core.api.v1.clouds import CloudReportResource, CloudsResource
from orchestrator_core.api.v1.lists import (
    ImagesResource,
    LocationsResource,
    NodeResource,
    NodesResource,
    SizesResource,
)
from orchestrator_core.api.v1.operations import OperationResource, OperationsResource
from orchestrator_core.api.v1.orphans import OrphansResource, ProcessesResource
from orchestrator_core.api.v1.system import (
    AuthResource,
    PluginsResource,
    RootResource,
)
from orchestrator_core.api.v1.vm import StartResource, power_resource, stop_resource

POWER_ACTIONS: Final = {"reboot": "reboot_vm", "poweron": "power_on_vm", "poweroff": "power_off_vm"}
"""The hook for each action in a path."""


def routes(services: Services) -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)`` for every route; paths begin after ``/api/v1``."""
    sizes = SizesResource(services)
    yield "", RootResource()
    yield "/auth", AuthResource()
    yield "/cloud", CloudsResource(services)
    yield "/cloud/{cloud}", CloudReportResource(services)
    yield "/plugins", PluginsResource(services)
    yield from _with_cloud("/nodes", NodesResource(services))
    yield "/nodes/{cloud}/{node_id:path}", NodeResource(services)
    yield from _with_cloud("/images", ImagesResource(services))
    yield from _with_cloud("/sizes", sizes)
    yield from _with_cloud("/flavors", sizes)
    yield from _with_cloud("/locations", LocationsResource(services))
    yield from _with_cloud("/vm/start", StartResource(services))
    yield from _with_cloud("/vm/stop", stop_resource(services))
    yield from _with_cloud("/vm/status", VmStatusResource(services))
    yield from _with_cloud("/vm/action/assign", AssignResource(services))
    yield from _with_cloud("/vm/action/release", ReleaseResource(services))
    yield from _with_cloud("/vm/action/renew", RenewResource(services))
    for action, operation in POWER_ACTIONS.items():
        resource = power_resource(services, operation)
        yield from _with_cloud(f"/vm/action/{action}", resource)
    yield "/vm/assignments", AssignmentsResource(services)
    yield "/vm/assignments/{assignment_id}", AssignmentResource(services)
    yield "/orphans", OrphansResource(services)
    yield "/processes", ProcessesResource(services)
    yield "/operations", OperationsResource(services)
    yield "/operations/{operation_id}", OperationResource(services)
    yield from _with_cloud("/vm/action/{action}", UnknownActionResource())


def _with_cloud(path: str, resource: Resource) -> Iterator[tuple[str, Resource]]:
    """Yield a path with and without a cloud; without it the default cloud serves."""
    yield path, resource
    yield f"{path}/{{cloud}}", resource
