"""Callers that send fuzzed requests over kept connections and check each answer."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.fuzz.answers import LAST, NOT_MODIFIED, Answer, BadAnswer, answers_in, check_answer
from tests.fuzz.route_inputs import Known, Maker, RouteInput
from tests.fuzz.shapes import check_shape
from tests.fuzz.shrinking import shrink

_PATIENCE: Final = 60.0
_REFUSED: Final = (409, 412)
"""Statuses of refusals by the state of a thing that exists."""

_MISSING: Final = ("no_such_record", "node_not_found")

_STARTS: Final = {
    "/api/v1/vm/start": "nodes",
    "/api/v1/vm/start/{cloud}": "nodes",
    "/api/v2/clouds/{cloud}/nodes": "node",
}
"""The key of the new VM in the answer to a start, by route."""

_EARLY: Final = (400, 414, 431)
"""Statuses of requests that the protocol refuses before the application sees them."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A request with an undocumented answer, and the reason."""

    number: int
    given: RouteInput
    what: str


@dataclass(slots=True)
class Callers:
    """Several callers at once.

    Args:
        address: the server's address.
        maker: makes their requests.
        seed: the seed of the requests.

    Attributes:
        known: the ids from the answers.
        answers: the number of answers by status and error code.
        per_route: the number of answers by route.
        found: the number of answers by route whose requests named things that exist.
        missed: the number of answers by route that no such VM or record exists.
        started: the cloud and the id of every VM started.
    """

    address: tuple[str, int]
    maker: Maker
    seed: int
    known: Known = field(default_factory=Known)
    answers: Counter[tuple[int, str | None]] = field(default_factory=Counter)
    per_route: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    started: list[tuple[str, str]] = field(default_factory=list)

    async def send(
        self, numbers: Sequence[int], at_once: int = 24, rate: float | None = None
    ) -> list[Wrong]:
        """Send the requests of these numbers; return the faults of the answers.

        Args:
            numbers: the requests' numbers.
            at_once: connections.
            rate: requests a second over all connections; unlimited by default.
        """
        left, wrong = iter(numbers), list[Wrong]()
        pause = 0.0 if rate is None else at_once / rate
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._call(left, wrong, pause))
        return wrong

    async def _call(self, left: Iterator[int], wrong: list[Wrong], pause: float) -> None:
        connection = Connection(self.address)
        try:
            for number in left:
                given = self.maker.make(self.seed, number, self.known)
                if what := await self._fault(connection, given):
                    wrong.append(Wrong(number, given, what))
                if wrong:
                    break
                await asyncio.sleep(pause)
        finally:
            connection.close()
        await asyncio.sleep(0.01)  # until the transport has ended

    async def _fault(self, connection: Connection, given: RouteInput) -> str | None:
        """Send a request; return the fault of its answer, or None."""
        try:
            self._check(given, await connection.ask(given))
        except (BadAnswer, OSError, TimeoutError, ValueError, EOFError) as error:
            connection.close()
            return f"{type(error).__name__} {error}"
        return None

    def least(self, wrong: Wrong) -> bytes:
        """Return the shortest request that still fails, with the fewest headers."""

        def fails(given: RouteInput) -> bool:
            return asyncio.run(self._fault(Connection(self.address), given)) is not None

        given = wrong.given
        headers = shrink(given.headers, lambda some: fails(replace(given, headers=tuple(some))))
        given = replace(given, headers=tuple(headers))
        if given.body is not None and fails(given):
            body = shrink(
                list[int](given.body), lambda some: fails(replace(given, body=bytes(some)))
            )
            given = replace(given, body=bytes(body))
        return given.data

    def _check(self, given: RouteInput, answer: Answer) -> None:
        check_answer(answer)
        is_refused = answer.code in LAST or (given.method == "HEAD" and answer.status in _EARLY)
        if "x-request-id" not in answer.headers and not is_refused:
            raise BadAnswer(f"an answer without X-Request-ID: {answer}")
        pair = (answer.status, answer.code)
        self.answers[pair] += 1
        self.per_route[given.route.path] += 1
        if given.method != "OPTIONS" and (answer.status < 400 or answer.status in _REFUSED):
            self.found[given.route.path] += 1
        elif answer.code in _MISSING:
            self.missed[given.route.path] += 1
        if answer.status < 400:
            check_shape(given, answer)
            self._learn(given, answer)
        elif given.method != "HEAD" and pair not in given.permitted:
            raise BadAnswer(f"{pair} is not documented for {given.route.path}: {answer.body!r}")

    def _learn(self, given: RouteInput, answer: Answer) -> None:
        body: dict[str, Any] = json.loads(answer.body) if answer.body else {}
        if node := _started(given, answer, body):
            if "idempotency-replayed" not in answer.headers:
                self.started.append((given.cloud, node))
            self.known.nodes.setdefault(given.cloud, []).append(node)
        self.known.learn(body)


def _started(given: RouteInput, answer: Answer, body: dict[str, Any]) -> str | None:
    """Return the id of the VM that a request has started; None for another request."""
    key = _STARTS.get(given.route.path)
    if key is None or given.method != "POST" or answer.status not in (200, 201):
        return None
    node: str = body[key]["id"]
    return node


class Connection:
    """One kept connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._source = itertools.count()

    def close(self) -> None:
        """Close it; the next request opens another one."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def ask(self, given: RouteInput) -> Answer:
        """Send a request and return its answer."""
        async with asyncio.timeout(_PATIENCE):
            try:
                return await self._ask(given)
            except (ConnectionError, EOFError):
                # The server may have closed an idle connection just before the request.
                self.close()
                return await self._ask(given)

    async def _ask(self, given: RouteInput) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address, limit=1 << 20)
        reader, writer = self._streams
        writer.write(given.data)
        head = await _head(reader)
        body = b""
        if given.method != "HEAD" and not head.startswith(NOT_MODIFIED):
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        (answer,) = answers_in(head + body, [given.method.encode()])
        if answer.closes:
            self.close()
        return answer


async def _head(reader: asyncio.StreamReader) -> bytes:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 100 "):
            return head
