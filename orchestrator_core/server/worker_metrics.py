"""The metrics of a durable worker that runs by itself, on the address of ``[metrics] bind``."""

from __future__ import annotations

import asyncio
import hmac
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client.exposition import ThreadingWSGIServer

from orchestrator_core.api.auth import digest
from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.clouds.load import measure_once
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.metrics import catalogue
from orchestrator_core.metrics.catalogue import Spec
from orchestrator_core.metrics.scrape import scrape
from orchestrator_core.resources import core_version
from orchestrator_core.run_directory import run_directory
from orchestrator_core.server.metrics_address import MetricsSocket
from orchestrator_core.settings.model import Settings

_PATIENCE: Final = 2.0
"""The seconds for which the figures of the database are awaited, as a server does."""

_SLOW_CLIENT: Final = 10.0
_TEXT: Final = "text/plain; charset=utf-8"
_BEARER: Final = "Bearer "

_Figures = Mapping[Spec, Mapping[tuple[str, ...], float]]


@contextmanager
def serving(
    opened: MetricsSocket, settings: Settings, broker: DurableBroker, registry: Registry
) -> Iterator[None]:
    """Serve the metrics of this process, in threads of their own, until the end of the block.

    Args:
        opened: the socket.
        settings: the settings, with the token.
        broker: the broker, for the figures of its database.
        registry: the clouds whose load is measured.
    """
    metrics = _Metrics(settings, broker, registry, asyncio.get_running_loop())
    address = opened.sock.getsockname()[:2]
    server = ThreadingWSGIServer(address, _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = opened.sock
    server.socket.settimeout(None)
    server.server_address = address
    server.server_name, server.server_port = address
    server.setup_environ()
    server.set_app(metrics.answer)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Handler(WSGIRequestHandler):
    timeout = _SLOW_CLIENT

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Log nothing: the scrapes of a server are no lines of its log either."""


class _Metrics:
    def __init__(
        self,
        settings: Settings,
        broker: DurableBroker,
        registry: Registry,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        token = settings.metrics.token
        self._digest = None if token is None else digest(token.reveal().encode())
        self._broker = broker
        self._registry = registry
        self._loop = loop
        self._turn = threading.Lock()

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request, as a WSGI application."""
        status, content_type, body = self._answered(environ)
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        if status.startswith("401"):
            headers.append(("WWW-Authenticate", "Bearer"))
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answered(self, environ: WSGIEnvironment) -> tuple[str, str, bytes]:
        if environ["PATH_INFO"].rstrip("/") != "/metrics":
            return "404 Not Found", _TEXT, b"This address serves /metrics only\n"
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return "405 Method Not Allowed", _TEXT, b"Only GET is served\n"
        if not self._may_read(environ):
            return "401 Unauthorized", _TEXT, b"The token of [metrics] is needed\n"
        with self._turn:  # a second scrape at the same time would only take the CPU
            figures = self._figures()
            folder = run_directory() / catalogue.FOLDER
            body, content_type = scrape(folder, figures, environ.get("HTTP_ACCEPT", ""))
        return "200 OK", content_type, body

    def _may_read(self, environ: WSGIEnvironment) -> bool:
        if self._digest is None:
            return True
        given = environ.get("HTTP_AUTHORIZATION", "").removeprefix(_BEARER).strip()
        return hmac.compare_digest(digest(given.encode("latin-1")), self._digest)

    def _figures(self) -> _Figures:
        known: _Figures = {catalogue.BUILD: {(core_version(),): 1.0}}
        asked = asyncio.run_coroutine_threadsafe(self._read(), self._loop)
        try:
            return {**known, **asked.result(_PATIENCE)}
        except (TimeoutError, OrchestratorError):
            asked.cancel()
            return {**known, catalogue.DATABASE_UP: {(): 0.0}}

    async def _read(self) -> _Figures:
        measure_once(self._registry)
        begun = time.perf_counter()
        read = await self._broker.figures()
        took = time.perf_counter() - begun
        return {catalogue.DATABASE_UP: {(): 1.0}, catalogue.DATABASE_READ: {(): took}, **read}
