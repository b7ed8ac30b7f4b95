"""Gunicorn's ASGI worker, adapted to Orchestrator."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NoReturn

from gunicorn.arbiter import Arbiter
from gunicorn.workers import base, gasgi

from orchestrator_core.errors import OrchestratorError, StateUnavailable
from orchestrator_core.server import metrics_address, tls
from orchestrator_core.server.connections import Connections
from orchestrator_core.server.heartbeat import Heartbeat
from orchestrator_core.server.interpreter import let_the_loop_go_first, spare_the_collector
from orchestrator_core.server.lifespan import Startup
from orchestrator_core.server.master import HELD_SIGNALS
from orchestrator_core.server.parser import use_parser
from orchestrator_core.server.protocol import MetricsProtocol, Protocol
from orchestrator_core.server.serving import mark_serving, unmark
from orchestrator_core.settings.snapshot import current, prove, reload_number

_RETRY_SECONDS: Final = 2.0


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that uses :class:`Protocol` and finishes its requests when it has to stop."""

    asgi: Any
    sockets: list[Any]
    _serving: asyncio.Task[None] | None = None
    _beating = False
    """Whether the worker is in its loop of heartbeats, from which it may be woken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        base.WorkerTmp = Heartbeat  # the base class makes one, and has no option for another class
        super().__init__(*args, **kwargs)

    def init_process(self) -> None:
        """Prepare this process after its fork."""
        # Gunicorn's worker names its protocol in a global of its module and has no option for
        # another.
        gasgi.ASGIProtocol = Protocol
        use_parser()
        unmark()  # the pid may be one of an earlier worker
        try:
            super().init_process()
        except Exception as error:
            if self.booted:
                raise
            self._give_up(error)

    def init_signals(self) -> None:
        """Accept signals from now on, including those that arrived since the fork."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)

    def _setup_event_loop(self) -> None:
        """Make the event loop accept connections one by one.

        By default asyncio accepts all waiting connections at once. One worker would get a whole
        burst, and the others none for as long as those connections live.
        """
        super()._setup_event_loop()
        make = self.loop.create_server

        async def create_server(_factory: Any, *, sock: Any, **kwargs: Any) -> Any:
            kwargs["ssl"] = self._context_of(sock)
            server = await make(self._maker_of(sock), sock=sock, backlog=1, **kwargs)
            sock.listen(self.cfg.backlog)  # asyncio has set the kernel's backlog to one
            return server

        self.loop.create_server = create_server

    def _get_ssl_context(self) -> ssl.SSLContext | None:
        """Return the context that the first process has made.

        Gunicorn itself would read the files again, and would serve without TLS if it cannot.
        """
        return tls.kept()

    def load_wsgi(self) -> None:
        """Load the application."""
        self.limits = current().server
        self.connections = Connections(self.limits.max_connections_per_address)
        if not self._is_of_the_start():
            prove()
        super().load_wsgi()
        spare_the_collector()
        let_the_loop_go_first()

    def _give_up(self, error: Exception) -> NoReturn:
        """End this process, which cannot serve, and log the reason in one line.

        If one of the server's first workers fails, the whole server ends, unless only the database
        is unreachable. A later worker is forked because another one died, possibly while a plugin
        is being upgraded. After any error, it ends after a wait and leaves room for the next
        attempt, so that the serving workers continue. Gunicorn reserves two exit statuses for such
        failures, and they would end the server.
        """
        if isinstance(error, OrchestratorError):
            self.log.critical("%s", error.message)
        elif isinstance(error, OSError | ValueError):
            self.log.critical("This worker cannot start: %s", error)
        else:
            self.log.critical("This worker cannot start", exc_info=error)
        if self._is_of_the_start() and not isinstance(error, StateUnavailable):
            sys.exit(Arbiter.APP_LOAD_ERROR)
        time.sleep(_RETRY_SECONDS)
        sys.exit(1)

    def _is_of_the_start(self) -> bool:
        return reload_number() == 1 and bool(self.age <= self.cfg.workers)

    def _maker_of(self, sock: socket.socket) -> Callable[[], Protocol]:
        """Return the function that makes the protocol of a connection to a listening socket."""
        kind = MetricsProtocol if _is_for_metrics(sock) else Protocol
        return lambda: kind(self)

    def _context_of(self, sock: socket.socket) -> ssl.SSLContext | None:
        return None if _is_for_metrics(sock) else self._get_ssl_context()

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        metrics = metrics_address.held()
        if metrics is not None:
            self.sockets = [*self.sockets, metrics]  # the list itself is the master's
        application = self.asgi
        self.asgi = startup = Startup(application, lambda: setattr(self, "asgi", application))
        try:
            await super()._serve()
        except SystemExit as end:
            # The application could not start, and the reason has been logged.
            ends_all = self._is_of_the_start() and not startup.is_database_away
            if end.code != Arbiter.WORKER_BOOT_ERROR or ends_all:
                raise
            await asyncio.sleep(_RETRY_SECONDS)
            raise SystemExit(1) from None

    def handle_exit_signal(self) -> None:
        """Finish the requests in flight, and accept no new ones from now on."""
        super().handle_exit_signal()
        self._stop_now()

    def handle_quit_signal(self) -> None:
        """End without waiting for requests."""
        super().handle_quit_signal()
        self._stop_now()

    def _stop_now(self) -> None:
        """End the wait between two heartbeats.

        Gunicorn checks only after this wait whether it has to stop. For up to another second the
        worker would accept connections, and a stop or a reload would take that much longer.
        """
        if self._beating and self._serving is not None:
            self._beating = False
            self._serving.cancel()  # gunicorn takes this for the end of its loop

    def notify(self) -> None:
        """Notify the master that this worker is alive."""
        super().notify()
        self._beating = self.alive
        if self.alive:  # gunicorn calls this only once the worker listens
            mark_serving()

    async def _shutdown(self) -> None:
        self._beating = False
        unmark()
        # The application itself learns of the stop only after the last request has its answer, and
        # a request may wait for minutes until its VM is ready. A durable worker waits on for it.
        end_waits = getattr(self.asgi, "end_waits", None)
        if end_waits is not None:  # An application that has not started yet has none.
            end_waits()
        alive = asyncio.ensure_future(self._keep_notifying())
        try:
            await self._stop_listening()
            # A TLS connection is counted only after its handshake; gunicorn would consider the
            # worker idle and cut the connection.
            await asyncio.sleep(0.1)
            await super()._shutdown()
        finally:
            alive.cancel()

    def _cleanup(self) -> None:
        # asyncio closes the pipe through which a signal wakes its loop before it removes its signal
        # handlers. A signal in between would leave a traceback in the log.
        signal.set_wakeup_fd(-1)
        super()._cleanup()

    async def _stop_listening(self) -> None:
        """Stop listening without losing a connection that the kernel has already made.

        Asyncio drops the connections that it has accepted but not handled when its server is
        closed. The kernel resets the waiting ones when the last worker closes the socket.
        """
        waiting: list[tuple[socket.socket, socket.socket]] = []
        if isinstance(self.loop, asyncio.SelectorEventLoop):  # other kinds of loops differ
            for listener in self.sockets:
                self.loop.remove_reader(listener.sock)
            await asyncio.sleep(0)  # so that asyncio handles the connections that it has accepted
            listening = [listener.sock for listener in self.sockets]
            waiting += ((sock, one) for sock in listening for one in _accept_all(sock))
        for server in self.servers:
            server.close()
        taken = (
            self.loop.connect_accepted_socket(self._maker_of(sock), one, ssl=self._context_of(sock))
            for sock, one in waiting
        )
        await asyncio.gather(*taken, return_exceptions=True)  # some may have closed, or use no TLS

    async def _keep_notifying(self) -> None:
        """Send heartbeats during the stop.

        Gunicorn kills a worker that is silent for long, even while it finishes a start.
        """
        while True:
            super().notify()
            await asyncio.sleep(1.0)


def _is_for_metrics(sock: socket.socket) -> bool:
    metrics = metrics_address.held()
    return metrics is not None and metrics.sock is sock


def _accept_all(listening: socket.socket) -> Iterator[socket.socket]:
    with suppress(OSError):  # no more connections are waiting
        while True:
            connection, _ = listening.accept()
            connection.settimeout(0)
            yield connection
