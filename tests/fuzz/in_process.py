"""The protocol class without sockets: bytes go in, and its output is recorded."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Final, Self

from gunicorn.config import Config

from orchestrator_core.server.connections import Connections
from orchestrator_core.server.parser import use_parser
from orchestrator_core.server.protocol import Protocol
from orchestrator_core.settings.load import load_settings
from tests.fuzz.oracle import SeenRequest
from tests.fuzz.raw_inputs import RawInput

App = Callable[[Any, Any, Any], Awaitable[None]]

_NEVER: Final = 600.0
_PATIENCE: Final = 5.0
_TURNS: Final = 12
"""Turns of the event loop after each part: an answer of the recording application takes 7."""


class Log:
    """A gunicorn logger that keeps its lines, and tracebacks apart from them."""

    access_log_enabled = False

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tracebacks: list[str] = []

    def debug(self, message: str, *args: Any) -> None:
        pass

    def _line(self, message: str, *args: Any) -> None:
        self.lines.append(message % args if args else message)

    info = warning = error = critical = _line

    def exception(self, message: str, *args: Any) -> None:
        self.tracebacks.append(message % args if args else message)


class Transport(asyncio.Transport):
    """A connection whose peer reads everything at once.

    Args:
        number: the number of the connection, which selects the client's address: the delays of
            failed logins grow for each address.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self._client = (f"127.2.{number // 250 % 250}.{number % 250}", 40_000)
        self.written = bytearray()
        self.closing = self.ended = False
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        addresses = {"peername": self._client, "sockname": ("127.0.0.1", 5050)}
        return addresses.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.ended:
            raise RuntimeError("write after write_eof")
        if not self.closing:
            self.written += data

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@dataclass(slots=True)
class Outcome:
    """The result of one input.

    Attributes:
        written: every byte that the protocol wrote.
        closed: whether it closed the connection itself.
        requests: the requests that the application received.
        tracebacks: records logged with a traceback, and errors that reached the event loop.
        lines: the lines of the log.
    """

    written: bytes
    closed: bool
    requests: list[SeenRequest]
    tracebacks: list[str]
    lines: list[str]


@dataclass(slots=True)
class Recorder:
    """An application that reads each body, records the request and answers 200."""

    requests: list[SeenRequest] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, whole, left = b"", False, False
        while not whole and not left:
            message = await receive()
            left = message["type"] == "http.disconnect"
            body += message.get("body", b"")
            whole = not left and not message.get("more_body", False)
        target = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        self.requests.append(SeenRequest(scope["method"].encode(), target, body, whole))
        headers = [(b"content-length", b"2"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


class Harness:
    """A harness that gives inputs to protocols, one after another, each on a connection of its own.

    Args:
        app: the application; by default a :class:`Recorder`.
        turns: turns of the event loop after each part.
    """

    def __init__(self, app: App | None = None, turns: int = _TURNS) -> None:
        self._app = app
        self.turns = turns
        self._cfg = Config()
        # The protocol ends a task with its connection; gunicorn's own timer would only keep it
        # alive.
        self._cfg.set("asgi_disconnect_grace_period", 0)
        use_parser()
        self._errors: list[str] = []
        self._limits = replace(
            load_settings(None, {}).server, header_timeout=_NEVER, body_timeout=_NEVER
        )
        self._runner = asyncio.Runner()
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def feed(self, given: RawInput) -> Outcome:
        """Return the outcome of an input, once the protocol is idle."""
        return self._runner.run(self._feed(given))

    async def _feed(self, given: RawInput) -> Outcome:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._note)
        self._errors.clear()
        log, recorder, transport = Log(), Recorder(), Transport(next(self._numbers))
        worker = SimpleNamespace(
            cfg=self._cfg,
            log=log,
            asgi=self._app or recorder,
            loop=loop,
            limits=self._limits,
            connections=Connections(self._limits.max_connections_per_address),
            nr_conns=0,
            nr=0,
            max_requests=1 << 60,
            alive=True,
        )
        protocol = transport.protocol = Protocol(worker)
        protocol.connection_made(transport)
        for part in given.parts:
            if transport.closing:
                break
            await self._receive(protocol, part)
        if self._app is not None:
            await _answered(protocol)
        closed = transport.closing or transport.ended
        if not transport.closing:
            transport.closing = True
            protocol.connection_lost(None)
        await _turns()
        transport.protocol = None  # asyncio's own tasks are dropped too
        tracebacks = [*log.tracebacks, *self._errors]
        if worker.nr_conns or not protocol._task.done():
            tracebacks.append("the connection's task goes on after its end")
        return Outcome(bytes(transport.written), closed, recorder.requests, tracebacks, log.lines)

    async def _receive(self, protocol: Any, part: bytes) -> None:
        try:
            protocol.data_received(part)
        except Exception as error:  # noqa: BLE001 - asyncio would log it with a traceback
            self._errors.append(repr(error))
        await _turns(self.turns)

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._errors.append(f"{context.get('message')}: {context.get('exception')!r}")


async def _turns(count: int = _TURNS) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _answered(protocol: Any) -> None:
    """Wait for the answer of a real application, which may work in threads."""
    transport, ends_at = protocol.transport, time.monotonic() + _PATIENCE
    while time.monotonic() < ends_at:
        if transport.closing or transport.ended:
            return
        if transport.written and protocol._awaiting_request:
            return
        await asyncio.sleep(0.0005)
