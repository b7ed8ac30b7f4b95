"""The paths of version 1 and their resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from marshmallow import Schema

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
from orchestrator_core.api.v1.console import ConsoleResource
from orchestrator_core.api.v1.lists import LISTS, ListResource, NodeResource, NodesResource
from orchestrator_core.api.v1.operations import OperationResource, OperationsResource
from orchestrator_core.api.v1.orphans import OrphansResource, ProcessesResource
from orchestrator_core.api.v1.requests import (
    WHICH_VM,
    NameRequestSchema,
    ResizeRequestSchema,
)
from orchestrator_core.api.v1.system import (
    AuthResource,
    PluginsResource,
    RootResource,
)
from orchestrator_core.api.v1.vm import ActResource, StartResource

ACTIONS: Final[Mapping[str, tuple[str, Schema]]] = MappingProxyType(
    {
        "reboot": ("reboot_vm", WHICH_VM),
        "poweron": ("power_on_vm", WHICH_VM),
        "poweroff": ("power_off_vm", WHICH_VM),
        "resize": ("resize_vm", ResizeRequestSchema()),
        "rename": ("rename_vm", NameRequestSchema()),
        "create_image": ("create_image", NameRequestSchema()),
    }
)
"""The hook and the schema of the body for each action on a VM in a path."""


def routes(services: Services) -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)`` for every route; paths begin after ``/api/v1``."""
    yield "", RootResource()
    yield "/auth", AuthResource()
    yield "/cloud", CloudsResource(services)
    yield "/cloud/{cloud}", CloudReportResource(services)
    yield "/plugins", PluginsResource(services)
    yield from _with_cloud("/nodes", NodesResource(services))
    yield "/nodes/{cloud}/{node_id:path}", NodeResource(services)
    for path, listing in LISTS.items():
        yield from _with_cloud(path, ListResource(services, listing))
    yield from _with_cloud("/vm/start", StartResource(services))
    yield from _with_cloud("/vm/stop", ActResource(services, "stop_vm"))
    yield from _with_cloud("/vm/status", VmStatusResource(services))
    yield from _with_cloud("/vm/console", ConsoleResource(services))
    yield from _with_cloud("/vm/action/assign", AssignResource(services))
    yield from _with_cloud("/vm/action/release", ReleaseResource(services))
    yield from _with_cloud("/vm/action/renew", RenewResource(services))
    for action, (hook, schema) in ACTIONS.items():
        yield from _with_cloud(f"/vm/action/{action}", ActResource(services, hook, schema))
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
