"""Real workers under raw bytes: documented answers, and no delay for compliant clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.conftest import OPS_TOKEN, Server, running
from tests.fuzz import compliant_client
from tests.fuzz.raw_inputs import RawInput, raw_input
from tests.fuzz.runs import Run
from tests.fuzz.shrinking import shrink
from tests.fuzz.sockets import Sender, send_all
from tests.fuzz.test_protocol import SKIPPED
from tests.fuzz.watch import Watch

SETTINGS = """
default_cloud = "fake_driver"
[clouds.fake_driver]
driver = "dummy"
[server]
header_timeout = 3
body_timeout = 3
keepalive = 2
[auth]
mode = "token"
[auth.tokens]
ops = "env:OPS"
"""

CONNECTIONS = 100
BLOCK = 2_000
LOG_BYTES = 200
"""The most bytes of log for each input, on average: a failed login is a line, a traceback 1,500."""

GROWTH = 24.0
"""MiB by which a worker may grow after the first inputs."""

RATE = 200.0
"""Inputs a second beside the compliant client: more would measure this machine's load."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("sockets")
    with running(SETTINGS, directory, {"OPS": OPS_TOKEN}, workers=2) as running_server:
        yield running_server


def inputs(run: Run) -> Iterator[tuple[int, RawInput]]:
    for number in range(run.inputs):
        given = raw_input(run.seed, number, [OPS_TOKEN.encode()])
        if not SKIPPED.search(given.data):
            yield number, given


@pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_raw_bytes(server: Server, *, long: bool) -> None:
    run = Run.of(100_000 if long else 2_000)
    sender, watch = Sender(server.address), Watch(server)
    left = inputs(run)
    block_size, sent = min(BLOCK, run.inputs // 3), 0
    while block := list(islice(left, block_size)):
        wrong = asyncio.run(send_all(sender, block, CONNECTIONS))
        if wrong:
            number, what = min(wrong.items())
            least = _least(sender, dict(block)[number])
            pytest.fail(f"seed {run.seed}, input {number}: {what}; least input: {least!r}")
        if watch.new_fault():
            pytest.fail(f"seed {run.seed}: {_culprit(sender, watch, block)}")
        watch.check_processes()
        if not sent:
            watch.warm()
        sent += len(block)
    run.report(
        {
            "log bytes for each input": round(watch.logged / sent),
            "growth of a worker (MiB)": round(watch.growth, 1),
            "workers (MiB)": [round(one) for one in watch.memory()],
            "answers": dict(sender.answers.most_common()),
        }
    )
    assert watch.logged / sent < LOG_BYTES
    assert watch.growth < GROWTH
    assert sender.answers.total() > sent / 2


def _least(sender: Sender, given: RawInput) -> bytes:
    def fails(data: list[int]) -> bool:
        return asyncio.run(sender.check(RawInput((bytes(data),)), 0)) is not None

    whole: list[int] = list(given.data)
    if not fails(whole):
        return given.data  # fails only together with other inputs
    least = shrink(whole, fails)
    return bytes(least)


def _culprit(sender: Sender, watch: Watch, block: list[tuple[int, RawInput]]) -> str:
    """Return the first input of a block that makes the server log a fault, and that fault."""
    for number, given in block:
        asyncio.run(sender.check(given, number))
        time.sleep(0.01)
        if found := watch.new_fault():
            return f"input {number}, {given}:\n{found}"
    return "a fault in the log that no input of the block alone brings about"


@pytest.mark.soak
def test_an_honest_client_is_at_most_twice_as_slow_beside_raw_bytes(server: Server) -> None:
    left, sender = inputs(Run.of(100_000)), Sender(server.address)

    async def load(seconds: float) -> None:
        await send_all(sender, list(islice(left, int(RATE * seconds))), CONNECTIONS, RATE)

    assert asyncio.run(compliant_client.compare(server.address[1], OPS_TOKEN, load)) < 2.0
