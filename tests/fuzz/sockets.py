"""Raw inputs over real connections, about a hundred at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.fuzz.answers import LAST, Answer, BadAnswer, check_connection
from tests.fuzz.oracle import requests_in
from tests.fuzz.raw_inputs import RawInput

_IDLE = 0.15
"""Seconds without a byte after which the client disconnects."""

_CONNECT = 20.0
_REFUSALS = (400, 408, 414, 431, 501)
_ADDRESSES = 4_000


@dataclass(slots=True)
class Sender:
    """A sender of inputs, each on a connection of its own; it counts the answers.

    Args:
        address: the server's address.
    """

    address: tuple[str, int]
    answers: Counter[tuple[int, str | None]] = field(default_factory=Counter)

    async def check(self, given: RawInput, number: int) -> str | None:
        """Send an input; return the fault of the answers, or None."""
        received, closed = await self._exchange(given, number)
        theirs = requests_in(given.data)
        try:
            answers = check_connection(received, [request.method for request in theirs])
        except BadAnswer as error:
            return str(error)
        self.answers.update((answer.status, answer.code) for answer in answers)
        if any(answer.closes for answer in answers) and not closed:
            return "the server announces the end of a connection and does not close it"
        served = [answer for answer in answers if not _is_refusal(answer)]
        if len(served) > len(theirs):
            return f"{len(served)} answers to {len(theirs)} requests"
        return None

    async def _exchange(self, given: RawInput, number: int) -> tuple[bytes, bool]:
        # The delays of failed logins would grow for a single address.
        source = f"127.1.{number % _ADDRESSES // 250}.{number % 250 + 1}"
        async with asyncio.timeout(_CONNECT):
            reader, writer = await asyncio.open_connection(*self.address, local_addr=(source, 0))
        try:
            with suppress(OSError):  # The server may have closed already.
                await _send(writer, given)
            return await _receive(reader)
        finally:
            writer.transport.abort()


def _is_refusal(answer: Answer) -> bool:
    """Return whether the server refused before it parsed a request, which then does not count."""
    of_head = answer.closes and not answer.body and answer.status in _REFUSALS
    return of_head or answer.code in LAST or (answer.code == "not_implemented" and answer.closes)


async def _send(writer: asyncio.StreamWriter, given: RawInput) -> None:
    for number, part in enumerate(given.parts):
        if number:
            await asyncio.sleep(0.0005)
        writer.write(part)
        await writer.drain()
    if given.half_close:
        writer.write_eof()


async def _receive(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Return the bytes received, and whether the server has closed."""
    received = b""
    try:
        while True:
            async with asyncio.timeout(_IDLE if not _is_cut(received) else 10.0):
                chunk = await reader.read(1 << 16)
            if not chunk:
                return received, True
            received += chunk
    except TimeoutError:
        return received, False
    except OSError:
        return received, True


def _is_cut(received: bytes) -> bool:
    """Return whether the last answer announces the connection's end, which is then waited for."""
    return b"onnection: close" in received.rpartition(b"HTTP/1.1 ")[2]


async def send_all(
    sender: Sender, inputs: Sequence[tuple[int, RawInput]], at_once: int, rate: float | None = None
) -> dict[int, str]:
    """Send inputs; return the faults by their numbers.

    Args:
        sender: the sender.
        inputs: inputs with their numbers.
        at_once: connections at the same time.
        rate: inputs a second; unlimited by default.
    """
    wrong: dict[int, str] = {}
    places = asyncio.Semaphore(at_once)

    async def one(number: int, given: RawInput) -> None:
        try:
            what = await sender.check(given, number)
            if what is not None:
                wrong[number] = what
        finally:
            places.release()

    async with asyncio.TaskGroup() as group:
        for number, given in inputs:
            await places.acquire()
            group.create_task(one(number, given))
            if rate is not None:
                await asyncio.sleep(1 / rate)
    return wrong
