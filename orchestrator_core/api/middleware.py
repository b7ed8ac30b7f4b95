"""The checks of every request before its resource runs: first the method, then the caller."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from typing import Any

import falcon

from orchestrator_core.api.addresses import address_of
from orchestrator_core.api.admission import RELEASE, Admission
from orchestrator_core.api.auth import ANONYMOUS, Authenticator
from orchestrator_core.api.errors import MethodNotImplemented, Unauthenticated
from orchestrator_core.api.failed_logins import FailedLogins
from orchestrator_core.api.observer import Observer
from orchestrator_core.api.paths import is_plain
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.deprecated import tell_successor
from orchestrator_core.api.unread_body import has_body, skip_body
from orchestrator_core.clouds.load import measure_load
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.log import begin_work, request_id
from orchestrator_core.origin import Lane, Origin, address_key, caller_key, origin
from orchestrator_core.traces.tracer import tracer

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_KNOWN = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Gatekeeper:
    """The middleware that names every request and admits known callers to methods that are served.

    Args:
        authenticator: the check that identifies the caller.
        admission: the queue in which callers take turns, with a limit of requests in flight.
        observer: the observer of all requests.
    """

    def __init__(
        self, authenticator: Authenticator, admission: Admission, observer: Observer
    ) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._observer = observer
        self._process = secrets.token_hex(4)
        self._requests = itertools.count(1)
        self._failed_logins = FailedLogins()

    async def process_request(self, req: Request, resp: Response) -> None:
        """Set the request's id, from the caller or a new one, and wait for the caller's turn.

        Raises:
            falcon.HTTPRouteNotFound: when the path cannot belong to a route.
        """
        given = req.get_header("X-Request-ID")
        is_given = bool(given and _REQUEST_ID.fullmatch(given))
        name = given if given and is_given else self._new_id()
        req.context.request_id = name
        req.context.is_named_by_client = is_given or req.method not in _KNOWN
        self._observer.begin(req, resp)
        request_id.set(name)
        begin_work()  # a kept connection serves its requests in one task
        resp.set_header("X-Request-ID", name)
        one = Origin(self._identify(req), Lane.READ if req.method in _READS else Lane.CHANGE)
        origin.set(one)
        await self._admission.wait_for_turn(one.caller)
        if not is_plain(req.scope):
            raise falcon.HTTPRouteNotFound

    async def process_resource(
        self, req: Request, resp: Response, resource: Resource, params: dict[str, Any]
    ) -> None:
        """Check the method first, then the caller, then everything else."""
        if resource.successor:
            tell_successor(req, resp, resource.successor, params)
        if req.method not in resource.served:
            req.context.served = resource.served
            raise MethodNotImplemented
        if resource.public:
            return
        refusal = req.context.refusal
        if isinstance(refusal, Unauthenticated):
            await asyncio.sleep(self._failed_logins.add(address_of(req), refusal.message))
        if refusal is not None:
            raise refusal
        req.scope[RELEASE] = self._admission.enter(origin.get().caller)
        if req.method in _READS and has_body(req.scope):
            await skip_body(req)

    def _identify(self, req: Request) -> str:
        """Return the key of the caller: its name, or its address if it has no name.

        A refused caller is only noted here, because the method has to be checked first.
        """
        req.context.refusal = None
        try:
            caller = self._authenticator.caller(req)
        except OrchestratorError as error:
            req.context.refusal = error
            return address_key(address_of(req))
        req.context.caller = caller
        return address_key(address_of(req)) if caller == ANONYMOUS else caller_key(caller)

    def _new_id(self) -> str:
        """Return an id that is unique over all processes; a random one would cost more."""
        return f"{self._process}-{next(self._requests):x}"


class Caretaker:
    """The middleware that starts the broker, and waits for its changes when the server stops.

    Args:
        services: the objects that it starts and stops.
        observer: the observer of all requests, which writes its last lines at the stop.
    """

    def __init__(self, services: Services, observer: Observer) -> None:
        self._services = services
        self._observer = observer
        self._measuring: asyncio.Task[None] | None = None

    async def process_startup(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Start the broker before the first request."""
        await self._services.broker.start()
        self._measuring = asyncio.ensure_future(measure_load(self._services.registry))

    async def process_shutdown(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """Stop the broker, then close the clouds and the extensions."""
        if self._measuring is not None:
            self._measuring.cancel()
        self._observer.flush()
        await self._services.broker.stop()
        await self._services.registry.close()
        self._services.extensions.close()
        await asyncio.to_thread(tracer().close)
