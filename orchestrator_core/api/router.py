"""One table of versions; each brings its own routes and knows nothing of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import falcon.asgi

from orchestrator_core.api.resource import Resource
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1.routes import routes as v1_routes

Route = tuple[str, Resource]

VERSIONS: Final[Mapping[str, Callable[[Services], Iterable[Route]]]] = MappingProxyType(
    {"v1": v1_routes}
)
"""To add a version, add its line here."""


def add_versions(app: falcon.asgi.App[Any, Any], services: Services) -> None:
    """Put every version's routes below ``/api/<version>``."""
    for version, routes in VERSIONS.items():
        for path, resource in routes(services):
            app.add_route(f"/api/{version}{path}", resource)
