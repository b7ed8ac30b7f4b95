"""A server of the API in this process, on loopback, with few plugins and its own database."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import uvicorn

from orchestrator_core.api.application import build_application
from orchestrator_core.api.services import Services
from orchestrator_core.app import Components, make_components
from orchestrator_core.broker.durable import DurableBroker
from orchestrator_core.broker.worker.worker import DurableWorker
from orchestrator_core.clouds.driver import NO_HINTS, Driver
from orchestrator_core.deadline import Deadline
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.loader import Plugins, load_plugins
from orchestrator_core.settings.deadlines import CLOUD_DEADLINES
from orchestrator_core.settings.load import settings_of
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.source import Source
from orchestrator_core.testing.targets.api import Api
from orchestrator_core.testing.targets.witness import Witness, watched_log

_STATE: Final[Mapping[str, Any]] = {
    "worker": False,
    "retry_delay": 0.05,
    "max_retry_delay": 0.5,
    "orphan_scan_interval": 3600,
}

_POLL: Final = 0.05
"""Seconds between two polls of the durable worker; short, because tests wait for its work."""

_START_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running server.

    Attributes:
        api: A client of the server.
        witness: The errors that its plugins raised.
        plugins: The plugins that it found.
        check: Checks whether a named cloud or backend is reachable, as
            ``orchestrator check --connect`` does, and raises the plugin's error.
        ask: Calls one hook of a named cloud in one of the cloud's threads; returns its result or
            raises its error. Unlike an HTTP request, it skips the core's own checks of ids.
        read: Returns one list of a named cloud, after the check of the model's types.
        reason_against: Returns why a named cloud does not offer a hook; None if it does.
    """

    api: Api
    witness: Witness
    plugins: Plugins
    check: Callable[[str], None]
    ask: Callable[..., object]
    read: Callable[[str, str], object]
    reason_against: Callable[[str, str], str | None]


@contextmanager
def serving(
    settings: Mapping[str, Any],
    directory: Path,
    factories: Mapping[str, type] | None = None,
    file: Path | None = None,
) -> Iterator[Served]:
    """Serve the API within the context: a web server and a durable worker, in a thread.

    Both are in one process, so that a cloud that exists only in memory is one cloud.

    Args:
        settings: The settings as in a settings file, without ``[state]``, which is added.
        directory: The directory for the server's files.
        factories: Classes that replace the classes of plugins, by the plugin's name.
        file: The settings file; paths in the settings are relative to its directory. Without it,
            they are relative to ``directory``.

    Raises:
        OrchestratorError: The settings are wrong.
    """
    database = directory / "database-url"
    database.write_text(f"sqlite:///{directory / 'state.db'}")
    data = {**settings, "state": {**_STATE, "url": f"file:{database}"}}
    checked = settings_of(Source(data, file or directory / "orchestrator.toml", {}))
    with watched_log(checked.server, directory / "server.log") as witness:
        plugins = load_plugins(checked.plugins)
        for record in plugins.records:
            if record.factory is not None:
                record.factory = (factories or {}).get(record.name, record.factory)
        run_directory = directory / "run"
        run_directory.mkdir(exist_ok=True)
        components = make_components(checked, "web", plugins, run_directory)
        with _Server(checked, components) as server:
            api = Api(server.url)
            try:
                yield Served(
                    api,
                    witness,
                    plugins,
                    server.check,
                    server.ask,
                    server.read,
                    server.reason_against,
                )
            finally:
                api.close()


class _Server:
    """A thread with an event loop for uvicorn and the durable worker."""

    def __init__(self, settings: Settings, components: Components) -> None:
        services = Services(
            settings,
            components.plugins,
            components.registry,
            components.extensions,
            components.broker,
        )
        config = uvicorn.Config(
            build_application(services), lifespan="on", ws="none", log_config=None
        )
        self._server = uvicorn.Server(config)
        assert isinstance(components.broker, DurableBroker)
        assert settings.state is not None
        self._registry = components.registry
        self._loop = asyncio.new_event_loop()
        self._worker = DurableWorker(components.broker, components.registry, settings.state, _POLL)
        # asyncio sets TCP_NODELAY only if the socket names its protocol; without it, small answers
        # take 40 ms each.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._up = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orchestrator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._up.wait(_START_SECONDS) or not self._server.started:
            self.__exit__()
            raise RuntimeError("the server did not start; its log gives the reason")
        return self

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def check(self, name: str) -> None:
        """Check whether a cloud or a backend is reachable."""
        registry = self._registry
        check = (registry.clouds.get(name) or registry.backends[name]).check
        asyncio.run_coroutine_threadsafe(check(), self._loop).result()

    def ask(self, name: str, hook: str, /, **arguments: object) -> object:
        """Call one hook of a cloud."""

        def job(hooks: Hooks, deadline: Deadline) -> object:
            return hooks.call(hook, deadline=deadline, hints=NO_HINTS, **arguments)

        guard = self._registry.clouds[name].guard
        operation = hook if hook in CLOUD_DEADLINES else "get_node"
        called = guard.call(operation, job)
        answer, _ = asyncio.run_coroutine_threadsafe(called, self._loop).result()
        return answer

    def read(self, name: str, hook: str) -> object:
        """Return one of a cloud's lists."""

        def job(hooks: Hooks, deadline: Deadline) -> object:
            return Driver(hooks, deadline).read(hook)

        called = self._registry.clouds[name].guard.call(hook, job)
        answer, _ = asyncio.run_coroutine_threadsafe(called, self._loop).result()
        return answer

    def reason_against(self, name: str, hook: str) -> str | None:
        """Return why a cloud does not offer a hook; None if it does."""
        asked = self._registry.clouds[name].reason_against(hook)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(_START_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live())
        finally:
            self._up.set()

    async def _live(self) -> None:
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.005)
        working = asyncio.ensure_future(self._worker.run())
        self._up.set()
        while not self._end.is_set() and not serving.done():  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.02)
        self._worker.stop()
        await working  # the worker writes to the database, which the application closes
        self._server.should_exit = True
        await serving
