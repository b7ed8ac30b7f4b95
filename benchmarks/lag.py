"""The delay of other requests while lists of ten thousand nodes are parsed and shaped."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from benchmarks.clients import get
from benchmarks.ratio import Ratio
from benchmarks.servers import serving
from benchmarks.upstreams import ec2, slow_amazon
from benchmarks.wrk import Load, load

PAIRS = 3
NODES = 10_000


def measure(directory: Path) -> list[Ratio]:
    """Measure the server's root in one worker, with and without such lists beside it."""
    with slow_amazon(0, NODES) as cloud, serving(ec2("large", cloud), directory, 1) as port:
        pairs = asyncio.run(_measure(port))
    name = "99th percentile (ms) of / beside lists of 10,000 nodes, one worker"
    return [Ratio(name, [(beside.p99, alone.p99) for beside, alone in pairs])]


async def _measure(port: int) -> list[tuple[Load, Load]]:
    await get(port, "/api/v1/nodes/large")
    pairs = []
    for _ in range(PAIRS):
        alone = await _load(port)
        lists = asyncio.ensure_future(_lists(port))
        beside = await _load(port)
        lists.cancel()
        with suppress(asyncio.CancelledError):
            await lists
        pairs.append((beside, alone))
    return pairs


async def _lists(port: int) -> None:
    while True:
        await get(port, "/api/v1/nodes/large")


async def _load(port: int) -> Load:
    return await asyncio.to_thread(load, f"http://127.0.0.1:{port}/api/v1/", clients=4, seconds=4)
