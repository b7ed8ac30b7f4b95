"""The table of version 1: its paths, their resources, and what each method does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from orchestrator_core import errors
from orchestrator_core.api.errors import MethodNotImplemented
from orchestrator_core.api.resource import Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.description import (
    CHANGE_ERRORS,
    CLOUD_ERRORS,
    STATE_ERRORS,
    Description,
)
from orchestrator_core.api.shared.requests import StartRequestSchema
from orchestrator_core.api.v1 import answer_schemas, examples, requests, schemas
from orchestrator_core.api.v1.assignment import (
    AssignResource,
    ReleaseResource,
    RenewResource,
    UnknownActionResource,
    VmStatusResource,
)
from orchestrator_core.api.v1.clouds import CloudReportResource, CloudsResource
from orchestrator_core.api.v1.lists import LISTS, Listing, ListResource, NodeResource
from orchestrator_core.api.v1.openapi import OpenApiResource
from orchestrator_core.api.v1.system import AuthResource, RootResource
from orchestrator_core.api.v1.vm import ActResource, StartResource


@dataclass(frozen=True, slots=True)
class Route:
    """One path.

    Attributes:
        path: the path after ``/api/v1``, with Falcon's segments.
        make: the function that makes its resource.
        methods: the descriptions of its methods, in lower case.
    """

    path: str
    make: Callable[[Services], Resource]
    methods: Mapping[str, Description]


_HINTS: Final = "X-Cloud-Hints"
_VM: Final = {"node": "3"}


def _with_cloud(
    path: str,
    make: Callable[[Services], Resource],
    method: str,
    about: Description,
) -> Iterator[Route]:
    """Yield a path with and without a cloud; without it the default cloud serves."""
    yield Route(path, make, {method: about})
    at_cloud = replace(about, name=f"{about.name}_of_cloud")
    yield Route(f"{path}/{{cloud}}", make, {method: at_cloud})


def _read(path: str, make: Callable[[Services], Resource], about: Description) -> Route:
    return Route(path, make, {"get": about})


_SHOWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "/nodes": examples.NODES,
    "/images": examples.IMAGES,
    "/sizes": examples.FLAVORS,
    "/flavors": examples.FLAVORS,
}
_SUCCESSORS: Final = {"/flavors": "sizes", "/locations": "locations"}
"""The lists of version 2 that replace those which the API document does not have."""


def _list(path: str, listing: Listing) -> Iterator[Route]:
    name = path.strip("/")
    successor = _SUCCESSORS.get(path)
    about = Description(
        f"List the {name} of a cloud.",
        answer_schemas.list_of(listing.key, listing.schema),
        headers=(_HINTS,),
        raises=CLOUD_ERRORS,
        name=f"list_{name}",
        shown=_SHOWN.get(path, {}),
        successor=f"/api/v2/clouds/{{cloud}}/{successor}" if successor else "",
    )
    return _with_cloud(path, lambda services: ListResource(services, listing), "get", about)


def _change(
    path: str, make: Callable[[Services], Resource], about: Description, method: str = "put"
) -> Iterator[Route]:
    changed = replace(
        about,
        headers=("Idempotency-Key", "Prefer", _HINTS),
        raises=(*CHANGE_ERRORS, *about.raises),
        is_async=True,
    )
    return _with_cloud(path, make, method, changed)


_EXISTING: Final = (errors.NodeNotFound, errors.Held)


def _act(action: str, hook: str, done: str) -> Iterator[Route]:
    return _change(
        f"/vm/action/{action}",
        lambda services: ActResource(services, hook),
        Description(
            f"Act on a VM: {action}.",
            answer_schemas.ResultSchema,
            body=requests.WhichVmSchema,
            raises=_EXISTING,
            example=_VM,
            name=action,
            shown={"status": "ok", "result": f"Node 3 {done}"},
        ),
    )


def _changes() -> Iterator[Route]:
    yield from _change(
        "/vm/start",
        StartResource,
        Description(
            "Start a VM.",
            answer_schemas.StartedSchema,
            body=StartRequestSchema,
            raises=(errors.ImageNotFound, errors.SizeNotFound, errors.StartFailed),
            example=examples.START,
            name="start",
            shown=examples.STARTED,
        ),
        "post",
    )
    yield from _act("reboot", "reboot_vm", "rebooted")
    yield from _act("poweroff", "power_off_vm", "powered off")
    yield from _act("poweron", "power_on_vm", "powered on")
    yield from _change(
        "/vm/stop",
        lambda services: ActResource(services, "stop_vm"),
        Description(
            "Destroy a VM.",
            answer_schemas.ResultSchema,
            body=requests.WhichVmSchema,
            raises=(*_EXISTING, errors.DestroyLimit),
            example=_VM,
            name="stop",
            shown={"status": "ok", "result": "Node 3 deleted"},
        ),
    )
    yield from _change(
        "/vm/action/assign",
        AssignResource,
        Description(
            "Assign a VM to a user and an application.",
            answer_schemas.AssignedSchema,
            body=requests.AssignRequestSchema,
            raises=(*_EXISTING, errors.NoAssignmentBackend),
            example=examples.ASSIGN,
            name="assign",
            shown=examples.EMULATED,
        ),
    )
    yield from _change(
        "/vm/action/release",
        ReleaseResource,
        Description(
            "Release a VM from its user, then destroy it.",
            answer_schemas.AssignedSchema,
            body=requests.ReleaseRequestSchema,
            raises=(
                *_EXISTING,
                errors.NoAssignmentBackend,
                errors.DestroyLimit,
                errors.ReleasedNotDestroyed,
            ),
            example=examples.RELEASE,
            name="release",
            shown=examples.EMULATED,
        ),
    )
    yield from _change(
        "/vm/action/renew",
        RenewResource,
        Description(
            "Set a new end for the lease of a VM.",
            answer_schemas.AssignedSchema,
            body=requests.RenewRequestSchema,
            raises=(*_EXISTING, errors.NoAssignmentBackend),
            example={"node": "1", "lease": "1h"},
            name="renew",
        ),
    )


def _server() -> Iterator[Route]:
    root = Description(
        "Tell that the server is up.",
        answer_schemas.OkSchema,
        name="show_root",
        shown={"status": "ok"},
    )
    yield _read("", lambda _: RootResource(), root)
    login = Description(
        "Get a token for a user's name and password; not served until there are accounts.",
        None,
        status=501,
        raises=(MethodNotImplemented,),
        name="log_in",
        is_public=True,
    )
    yield Route("/auth", lambda _: AuthResource(), {"post": login})
    clouds = Description(
        "List the configured clouds.",
        answer_schemas.ServedCloudsSchema,
        name="list_clouds",
        successor="/api/v2/clouds",
    )
    yield _read("/cloud", CloudsResource, clouds)
    cloud = Description(
        "Show the operations of a cloud, and its health.",
        answer_schemas.CloudReportSchema,
        raises=(errors.UnknownCloud,),
        name="get_cloud",
        successor="/api/v2/clouds/{cloud}",
    )
    yield _read("/cloud/{cloud}", CloudReportResource, cloud)


def _node() -> Route:
    one = Description(
        "Show one node.",
        answer_schemas.OneNodeSchema,
        headers=(_HINTS,),
        raises=(*CLOUD_ERRORS, errors.NodeNotFound),
        name="get_node",
        successor="/api/v2/clouds/{cloud}/nodes/{node_id}",
    )
    return _read("/nodes/{cloud}/{node_id:path}", NodeResource, one)


def _status() -> Iterator[Route]:
    about = Description(
        "List the VMs that the assignment backend of a cloud knows.",
        answer_schemas.list_of("nodes", schemas.VmSchema),
        raises=(*CLOUD_ERRORS, *STATE_ERRORS, errors.NoAssignmentBackend),
        name="list_vms",
    )
    return _with_cloud("/vm/status", VmStatusResource, "get", about)


TABLE: Final = (
    *_server(),
    *(route for path, listing in LISTS.items() for route in _list(path, listing)),
    _node(),
    *_changes(),
    *_status(),
)
"""All routes of version 1 that serve a method or that the API document names."""


def routes(services: Services) -> Iterator[tuple[str, Resource]]:
    """Yield ``(path, resource)`` for every route; paths begin after ``/api/v1``."""
    for route in TABLE:
        resource = route.make(services)
        for about in route.methods.values():
            resource.successor = about.successor
        yield route.path, resource
    for path in ("/vm/action/{action}", "/vm/action/{action}/{cloud}"):
        yield path, UnknownActionResource()
    yield "/openapi.json", OpenApiResource()
