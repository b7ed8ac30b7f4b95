"""Answer times of an honest caller beside a caller that uses its limits to the full."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clients import allow_many_connections, exchange
from benchmarks.ratio import Ratio
from benchmarks.servers import serving
from benchmarks.upstreams import CREDENTIALS, ec2, slow_amazon

PAIRS = 3
SECONDS = 10.0
CLIENTS = 4
PAUSE = 0.6
"""The seconds between two requests of a client. With these the honest caller needs four threads of
the shared cloud at most, which is its share even if one worker has all its connections.
"""
CLOUD_SECONDS = 0.1
NODES = 1000
LIMIT = 3.0

HONEST = CREDENTIALS["BENCHMARK_HONEST"]
WORST = CREDENTIALS["BENCHMARK_WORST"]

_SETTINGS = f"""
[auth]
mode = "token"
[auth.tokens]
honest = "env:BENCHMARK_HONEST"
worst = "env:BENCHMARK_WORST"
[state]
url = "sqlite:///state.db"
[clouds.shared]
driver = "dummy"
[clouds.shared.faults]
latency = "{CLOUD_SECONDS}"
"""

_START = json.dumps({"name": "x", "image": "1", "size": "1"}).encode()

_Request = tuple[str, str, bytes, dict[str, str]]

_REQUESTS: dict[str, _Request] = {
    "a read": ("GET", "/api/v1/nodes/shared/1", b"", {}),
    "a start": ("POST", "/api/v1/vm/start/shared", _START, {}),
    "an asynchronous start": (
        "POST",
        "/api/v1/vm/start/shared",
        _START,
        {"Prefer": "respond-async"},
    ),
    "the server's root": ("GET", "/api/v1/", b"", {}),
}

_NO_CLOUD = ("an asynchronous start", "the server's root")
"""Requests that wait for no cloud. Alone they take a few milliseconds, less than one piece of work
of the other caller on the same event loop, so their ratios are shown without a limit."""

_PEER = "another server's root"
"""The same request to a server that the other caller does not use: the machine's part of the delay.
The rest comes from sharing one process, its event loop and its interpreter lock.
"""


def measure(directory: Path) -> list[Ratio]:
    """Measure each kind of request of the honest caller, alone and beside the other caller."""
    allow_many_connections()
    apart = directory / "apart"
    apart.mkdir()
    with slow_amazon(0, NODES) as cloud:
        settings = _SETTINGS + ec2("large", cloud)
        with serving(settings, directory) as port, serving(_SETTINGS, apart, 1) as other:
            pairs = [_pair(port, other, directory) for _ in range(PAIRS)]
    return [
        Ratio(
            f"99th percentile (ms) of {kind} beside a caller that does its worst",
            [(beside[kind], alone[kind]) for beside, alone in pairs],
            at_most=None if kind in (*_NO_CLOUD, _PEER) else LIMIT,
        )
        for kind in (*_REQUESTS, _PEER)
    ]


def _pair(port: int, other: int, directory: Path) -> tuple[dict[str, float], dict[str, float]]:
    alone = asyncio.run(_percentiles(port, other))
    with _worst(port, directory):
        time.sleep(2.0)  # Wait until all load is running.
        beside = asyncio.run(_percentiles(port, other))
    time.sleep(2.0)
    return beside, alone


@contextmanager
def _worst(port: int, directory: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.worst", str(port), str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            assert process.stdin
            process.stdin.close()


async def _percentiles(port: int, other: int) -> dict[str, float]:
    """Return the 99th percentile of each kind of request, in milliseconds."""
    kinds = [(kind, port, request) for kind, request in _REQUESTS.items()]
    kinds.append((_PEER, other, _REQUESTS["the server's root"]))
    found = await asyncio.gather(*(_times(port, request) for _, port, request in kinds))
    return {
        kind: 1000 * statistics.quantiles(times, n=100, method="inclusive")[98]
        for (kind, _, _), times in zip(kinds, found, strict=True)
    }


async def _times(port: int, request: _Request) -> list[float]:
    clients = await asyncio.gather(
        *(_client(port, request, PAUSE * number / CLIENTS) for number in range(CLIENTS))
    )
    return [seconds for times in clients for seconds in times]


async def _client(port: int, request: _Request, delay: float) -> list[float]:
    method, path, body, headers = request
    given = {"Authorization": f"Bearer {HONEST}", **headers}
    times = []
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # The first exchange includes accepting the connection, perhaps after a thousand others.
    await exchange(reader, writer, method, path, body, given)
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        begun = time.perf_counter()
        await exchange(reader, writer, method, path, body, given)
        times.append(time.perf_counter() - begun)
        await asyncio.sleep(PAUSE)
    writer.close()
    return times
