"""The table of versions; each version has its own routes and does not depend on the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import falcon
import falcon.asgi

from orchestrator_core.api.docs_page.routes import routes as docs_routes
from orchestrator_core.api.errors import Form, MethodNotImplemented
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1.errors import answer_error
from orchestrator_core.api.v1.routes import routes as v1_routes
from orchestrator_core.api.v2.problems import answer_problem
from orchestrator_core.api.v2.routes import routes as v2_routes

Route = tuple[str, Resource]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the API.

    Attributes:
        routes: the function that yields its paths, after ``/api/<version>``, and resources.
        form: the form of its errors.
    """

    routes: Callable[[Services], Iterable[Route]]
    form: Form


VERSIONS: Final[Mapping[str, Version]] = MappingProxyType(
    {"v1": Version(v1_routes, answer_error), "v2": Version(v2_routes, answer_problem)}
)
"""All versions. To add a version, add its line here."""

API: Final = "/api/"
"""The beginning of every route's path."""


def form_of(path: str) -> Form:
    """Return the form of errors at a path: version 1's for paths of no version."""
    name = path.removeprefix(API).partition("/")[0] if path.startswith(API) else ""
    version = VERSIONS.get(name)
    return answer_error if version is None else version.form


def add_routes(app: falcon.asgi.App[Any, Any], services: Services) -> None:
    """Add every version's routes below ``/api/<version>``, and the page ``/docs``."""
    for name, version in VERSIONS.items():
        for path, resource in version.routes(services):
            app.add_route(f"{API}{name}{path}", resource)
    for path, resource in docs_routes():
        app.add_route(path, resource)
    app.add_sink(_whole_server, _ASTERISK)  # type: ignore[arg-type]  # Falcon types it for WSGI
    app.add_sink(_other_server, _AUTHORITY)  # type: ignore[arg-type]


_ASTERISK: Final = re.compile(r"\*\Z")


async def _whole_server(req: Request, resp: Response, **_: str) -> None:
    """Answer ``OPTIONS *``, which asks for the methods of the whole server (RFC 9110, 9.3.7)."""
    if req.method != "OPTIONS":
        raise falcon.HTTPRouteNotFound
    resp.set_header("Allow", "GET, HEAD, OPTIONS, POST, PUT")
    resp.data = b""


_AUTHORITY: Final = re.compile(r"[^/*]")


async def _other_server(req: Request, _resp: Response, **_: str) -> None:
    """Refuse ``CONNECT HOST:PORT``: this server is not a proxy (RFC 9110, 9.3.6)."""
    if req.method != "CONNECT":
        raise falcon.HTTPRouteNotFound
    raise MethodNotImplemented
