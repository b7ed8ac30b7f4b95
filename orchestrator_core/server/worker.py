"""Gunicorn's ASGI worker as Orchestrator needs it."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NoReturn

from gunicorn.arbiter import Arbiter
from gunicorn.workers import base, gasgi

from orchestrator_core.errors import OrchestratorError, StateUnavailable
from orchestrator_core.server import tls
from orchestrator_core.server.connections import Connections
from orchestrator_core.server.heartbeat import Heartbeat
from orchestrator_core.server.interpreter import let_the_loop_go_first, spare_the_collector
from orchestrator_core.server.lifespan import Startup
from orchestrator_core.server.master import HELD_SIGNALS
from orchestrator_core.server.parser import use_parser
from orchestrator_core.server.protocol import Protocol
from orchestrator_core.settings.snapshot import current, generation, prove

_RETRY_SECONDS: Final = 2.0


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """Speaks through :class:`Protocol` and leaves nothing undone when it is told to stop."""

    asgi: Any
    _serving: asyncio.Task[None] | None = None
    _beating = False
    """Whether the worker is in its loop of heartbeats, where it may be woken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        base.WorkerTmp = Heartbeat  # which the base class makes, and no other
        super().__init__(*args, **kwargs)

    def init_process(self) -> None:
        """Prepare this process, just forked."""
        # The worker names its protocol in a global of its module and takes no other.
        gasgi.ASGIProtocol = Protocol
        use_parser()
        try:
            super().init_process()
        except Exception as error:
            if self.booted:
                raise
            self._give_up(error)

    def init_signals(self) -> None:
        """Take signals from here on, those too that came since the fork."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)

    def _setup_event_loop(self) -> None:
        """Have connections accepted one by one.

        By itself asyncio accepts all that wait at once: one worker would get a whole burst, and
        the others nothing for as long as those connections live.
        """
        super()._setup_event_loop()
        make = self.loop.create_server

        async def create_server(*args: Any, sock: Any, **kwargs: Any) -> Any:
            server = await make(*args, sock=sock, backlog=1, **kwargs)
            sock.listen(self.cfg.backlog)  # asyncio has told the kernel to hold only one
            return server

        self.loop.create_server = create_server

    def _get_ssl_context(self) -> ssl.SSLContext | None:
        """Return what the first process has read.

        Gunicorn itself would read the files anew, and serve without TLS where it cannot.
        """
        return tls.kept()

    def load_wsgi(self) -> None:
        """Make the application."""
        self.limits = current().server
        self.connections = Connections(self.limits.max_connections_per_address)
        if not self._is_of_the_start():
            prove()
        super().load_wsgi()
        spare_the_collector()
        let_the_loop_go_first()

    def _give_up(self, error: Exception) -> NoReturn:
        """End this process, which cannot serve; say why in one line.

        The first workers of a server end it with them, unless only the database cannot be
        reached. A later one, forked because another died while a plugin is being upgraded
        say, makes room for the next try after a while, whatever was raised: the workers that
        serve go on. Two statuses of gunicorn's for this would end the server.
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
        return generation() == 1 and bool(self.age <= self.cfg.workers)

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        application = self.asgi
        self.asgi = startup = Startup(application, lambda: setattr(self, "asgi", application))
        try:
            await super()._serve()
        except SystemExit as end:
            # The application could not start up: the log has said why.
            ends_all = self._is_of_the_start() and not startup.is_database_away
            if end.code != Arbiter.WORKER_BOOT_ERROR or ends_all:
                raise
            await asyncio.sleep(_RETRY_SECONDS)
            raise SystemExit(1) from None

    def handle_exit_signal(self) -> None:
        """Finish what is in flight, and take nothing new from this moment on."""
        super().handle_exit_signal()
        self._stop_now()

    def handle_quit_signal(self) -> None:
        """End without waiting for anybody."""
        super().handle_quit_signal()
        self._stop_now()

    def _stop_now(self) -> None:
        """End the pause between two heartbeats.

        Gunicorn sees only after it that it has been told to stop: for up to a second more a
        worker would take connections, and a stop or a reload would take so much longer.
        """
        if self._beating and self._serving is not None:
            self._beating = False
            self._serving.cancel()  # which gunicorn takes for the end of its loop

    def notify(self) -> None:
        """Tell the master that this worker lives."""
        super().notify()
        self._beating = self.alive

    async def _shutdown(self) -> None:
        self._beating = False
        alive = asyncio.ensure_future(self._keep_notifying())
        try:
            await self._stop_listening()
            # A connection with TLS is counted only once hands are shaken; gunicorn would take the
            # worker for idle and cut it.
            await asyncio.sleep(0.1)
            await super()._shutdown()
        finally:
            alive.cancel()

    async def _stop_listening(self) -> None:
        """Stop without losing a connection: one that the kernel has made is served.

        Asyncio by itself lets go of what it has accepted but not looked at when its server
        is closed, and the kernel, when the last worker closes the socket, resets what waits there.
        """
        waiting: list[socket.socket] = []
        if isinstance(self.loop, asyncio.SelectorEventLoop):  # another kind has its own ways
            for listener in self.sockets:
                self.loop.remove_reader(listener.sock)
            await asyncio.sleep(0)  # for asyncio to look at what it has accepted
            waiting += (one for listener in self.sockets for one in _accept_all(listener.sock))
        for server in self.servers:
            server.close()
        context = self._get_ssl_context()
        taken = (
            self.loop.connect_accepted_socket(lambda: Protocol(self), one, ssl=context)
            for one in waiting
        )
        await asyncio.gather(*taken, return_exceptions=True)  # some may have left, or speak no TLS

    async def _keep_notifying(self) -> None:
        """Gunicorn kills a worker that is silent for long, even while it finishes a start."""
        while True:
            super().notify()
            await asyncio.sleep(1.0)


def _accept_all(listening: socket.socket) -> Iterator[socket.socket]:
    with suppress(OSError):  # nothing waits any more
        while True:
            connection, _ = listening.accept()
            connection.settimeout(0)
            yield connection
