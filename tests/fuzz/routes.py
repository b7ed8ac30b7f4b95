"""Every route of the API, from the application's own table of versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core.api.errors import STATUSES, status_of_class
from orchestrator_core.api.resource import Resource
from orchestrator_core.api.router import API, VERSIONS
from orchestrator_core.api.shared.cloud_resource import CloudResource
from orchestrator_core.api.v1.assignment import VmStatusResource
from orchestrator_core.api.v1.changes import ChangeResource
from orchestrator_core.api.v1.clouds import CloudReportResource
from orchestrator_core.api.v1.lists import ListResource, NodeResource
from orchestrator_core.errors import CloudError
from tests.fuzz.answers import PAIRS

Pair = tuple[int, str | None]

PARAMETERS: Final = ("limit", "marker", "cursor", "clouds", "cloud", "name", "state", "wait")
"""Parameters of queries, all of which version 1 ignores."""

EVERYWHERE: Final[frozenset[Pair]] = frozenset(
    {
        (400, "bad_request"),
        (400, "malformed_request"),
        (401, "unauthenticated"),
        (404, "not_found"),
        (414, "uri_too_long"),
        (431, "headers_too_large"),
    }
)
"""Statuses and codes that every route of every version may answer."""

_HTTP: Final = EVERYWHERE | {(400, "invalid_parameter"), (501, "not_implemented")}
"""Statuses and codes that every route of version 1 may answer."""

_BODY: Final[frozenset[Pair]] = frozenset(
    {(400, "body_in_pieces"), (413, "body_too_large"), (415, "unsupported_media_type")}
)
_CHANGE: Final[frozenset[Pair]] = frozenset(
    (400, code)
    for code in (
        *("conflict", "image_not_found", "node_not_found", "not_found", "quota_exceeded"),
        *("refused", "request", "size_not_found"),
    )
) | {(409, "idempotency_key_in_use"), (422, "idempotency_key_reused"), (501, "unsupported")}
_UNKNOWN_CLOUD: Final[frozenset[Pair]] = frozenset({(500, None)})
_NO_BACKEND: Final[frozenset[Pair]] = frozenset({(501, "no_assignment_backend")})


@cache
def provoked() -> frozenset[Pair]:
    """Return the pairs that only a failing cloud can cause."""
    kinds = [kind for kind in STATUSES if issubclass(kind, CloudError)]
    statuses = {status_of_class(kind) for kind in kinds}
    failures = {pair for pair in PAIRS if pair[0] in statuses and pair[0] >= 429}
    return frozenset({*failures, (400, "conflict"), (400, "quota_exceeded")})


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        path: its template, for example ``/api/v1/nodes/{cloud}``.
        resource: the resource that serves it.
    """

    path: str
    resource: Resource

    @property
    def names(self) -> list[str]:
        """Return the parameters of the path."""
        return re.findall(r"{(\w+)(?::\w+)?}", self.path)

    @property
    def methods(self) -> list[str]:
        """Return the methods that are served."""
        return sorted(self.resource.served)

    @property
    def schema(self) -> Schema | None:
        """Return the schema of the body; None if no body is read."""
        return getattr(self.resource, "schema", None)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the parameters of the query."""
        return PARAMETERS

    def pairs(self, method: str, *, fails: bool) -> frozenset[Pair]:
        """Return every pair of status and error code that the pages permit for this route.

        Args:
            method: the method of the request, which makes no difference in version 1.
            fails: whether the request is for a failing cloud, or asks the cloud to fail.
        """
        del method
        found = _HTTP
        has_cloud = isinstance(self.resource, CloudResource | CloudReportResource)
        if has_cloud:
            found |= _UNKNOWN_CLOUD | (provoked() if fails else frozenset())
        if isinstance(self.resource, ListResource):
            found |= {(501, "unsupported")}
        if isinstance(self.resource, NodeResource):
            found |= {(400, "node_not_found")}
        if isinstance(self.resource, VmStatusResource):
            found |= _NO_BACKEND
        if isinstance(self.resource, ChangeResource):
            found |= _BODY | _CHANGE | _NO_BACKEND
        return found


def all_routes() -> Iterator[Route]:
    """Yield every route of version 1."""
    nothing: Any = None  # Resources keep the services, and use them only when they serve.
    for path, resource in VERSIONS["v1"].routes(nothing):
        yield Route(f"{API}v1{path}", resource)
