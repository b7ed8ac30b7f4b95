"""The speed of one cloud beside a cloud that hangs and clients that stall."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.clients import allow_many_connections, stalled, waiting
from benchmarks.ratio import Ratio
from benchmarks.servers import PATH, serving
from benchmarks.upstreams import ec2, silent
from benchmarks.wrk import Load, load

PAIRS = 7
STUCK = 200
STALLED = 1000

_PATIENT = """
[server]
header_timeout = 600
[clouds.hanging.deadlines]
list_nodes = 600
get_node = 600
"""


def measure(directory: Path) -> list[Ratio]:
    """Measure the healthy cloud alone and beside the hanging one."""
    allow_many_connections()
    with silent() as cloud, serving(ec2("hanging", cloud) + _PATIENT, directory) as port:
        return asyncio.run(_measure(port))


async def _measure(port: int) -> list[Ratio]:
    # Half of the clients send the same request, which is one call; the others fill all threads and
    # the queue.
    lists = ["/api/v1/nodes/hanging"] * (STUCK // 2)
    stuck = [*lists, *(f"/api/v1/nodes/hanging/i-{number}" for number in range(STUCK // 2))]
    pairs = []
    await _load(port)
    for _ in range(PAIRS):
        alone = await _load(port)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(waiting(port, stuck))
            await stack.enter_async_context(stalled(port, STALLED))
            await asyncio.sleep(0.5)
            beside = await _load(port)
        await asyncio.sleep(0.5)
        pairs.append((beside, alone))
    return [
        Ratio(
            "requests/s beside 200 clients stuck in another cloud and 1,000 stalled ones",
            [(beside.rate, alone.rate) for beside, alone in pairs],
            at_least=0.9,
        ),
        Ratio(
            "99th percentile (ms) beside them",
            [(beside.p99, alone.p99) for beside, alone in pairs],
            at_most=1.5,
        ),
    ]


async def _load(port: int) -> Load:
    return await asyncio.to_thread(load, f"http://127.0.0.1:{port}{PATH}", seconds=3)
