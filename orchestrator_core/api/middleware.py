"""What happens to every request before its resource sees it: method, then caller."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from typing import Any

import falcon

from orchestrator_core.api.auth import Authenticator
from orchestrator_core.api.errors import MethodNotImplemented, Unauthenticated
from orchestrator_core.api.failed_logins import FailedLogins
from orchestrator_core.api.paths import is_plain
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.unread_body import has_body, skip_body
from orchestrator_core.log import request_id

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Gatekeeper:
    """Gives every request an id, and lets through what a route serves to a known caller."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._process = secrets.token_hex(4)
        self._requests = itertools.count(1)
        self._failed_logins = FailedLogins()

    async def process_request(self, req: Request, resp: Response) -> None:
        """Take the caller's request id, or make one; refuse a path that cannot be a route."""
        given = req.get_header("X-Request-ID")
        name = given if given and _REQUEST_ID.fullmatch(given) else self._new_id()
        req.context.request_id = name
        request_id.set(name)
        resp.set_header("X-Request-ID", name)
        if not is_plain(req.scope):
            raise falcon.HTTPRouteNotFound

    async def process_resource(
        self, req: Request, resp: Response, resource: Resource, params: dict[str, Any]
    ) -> None:
        """Check the method before the caller, and the caller before anything else."""
        if req.method not in resource.served:
            raise MethodNotImplemented
        if resource.public:
            return
        try:
            req.context.caller = self._authenticator.caller(req)
        except Unauthenticated as error:
            address = req.remote_addr if req.scope.get("client") else "unix"
            await asyncio.sleep(self._failed_logins.add(address, error.message))
            raise
        if req.method in _WITHOUT_BODY and has_body(req.scope):
            await skip_body(req)

    def _new_id(self) -> str:
        """Unique over all processes; a random one for each request would cost more."""
        return f"{self._process}-{next(self._requests):x}"


class Caretaker:
    """Lets changes under way end, and connections go, when the server stops."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def process_startup(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Be ready before the first request."""
        await self._services.broker.start()

    async def process_shutdown(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Wait, then close."""
        await self._services.broker.stop()
        await self._services.registry.close()
        self._services.extensions.close()
