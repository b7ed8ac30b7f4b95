"""What happens to every request before its resource sees it: method, then caller."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from typing import Any

import falcon

from orchestrator_core.api.admission import RELEASE, Admission
from orchestrator_core.api.auth import ANONYMOUS, Authenticator
from orchestrator_core.api.errors import MethodNotImplemented, Unauthenticated
from orchestrator_core.api.failed_logins import FailedLogins
from orchestrator_core.api.paths import is_plain
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.unread_body import has_body, skip_body
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.log import request_id
from orchestrator_core.origin import Lane, Origin, caller_key, origin

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Gatekeeper:
    """Gives every request an id, and lets through what a route serves to a known caller.

    Args:
        authenticator: tells who calls.
        admission: lets callers take turns, and bounds what each has in flight.
    """

    def __init__(self, authenticator: Authenticator, admission: Admission) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._process = secrets.token_hex(4)
        self._requests = itertools.count(1)
        self._failed_logins = FailedLogins()

    async def process_request(self, req: Request, resp: Response) -> None:
        """Take the caller's request id, or make one; wait for the caller's turn.

        Raises:
            falcon.HTTPRouteNotFound: for a path that cannot be a route.
        """
        given = req.get_header("X-Request-ID")
        name = given if given and _REQUEST_ID.fullmatch(given) else self._new_id()
        req.context.request_id = name
        request_id.set(name)
        resp.set_header("X-Request-ID", name)
        one = Origin(self._identify(req), Lane.READ if req.method in _READS else Lane.CHANGE)
        origin.set(one)
        await self._admission.wait_for_turn(one)
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
        refusal = req.context.refusal
        if isinstance(refusal, Unauthenticated):
            await asyncio.sleep(self._failed_logins.add(_address(req), refusal.message))
        if refusal is not None:
            raise refusal
        req.scope[RELEASE] = self._admission.enter(origin.get().caller)
        if req.method in _READS and has_body(req.scope):
            await skip_body(req)

    def _identify(self, req: Request) -> str:
        """Return what tells callers apart: their names, and addresses of those without one.

        Whether the caller is refused shows only after its method was checked.
        """
        req.context.refusal = None
        try:
            caller = self._authenticator.caller(req)
        except OrchestratorError as error:
            req.context.refusal = error
            return f"address {_address(req)}"
        req.context.caller = caller
        return f"address {_address(req)}" if caller == ANONYMOUS else caller_key(caller)

    def _new_id(self) -> str:
        """Unique over all processes; a random one for each request would cost more."""
        return f"{self._process}-{next(self._requests):x}"


def _address(req: Request) -> str:
    """Return the client's address; all clients of a Unix socket have the same."""
    return req.remote_addr if req.scope.get("client") else "unix"


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
