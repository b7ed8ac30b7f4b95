"""Reads of one slow cloud by many callers, against one caller."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.clients import allow_many_connections, get, get_at_once
from benchmarks.ratio import Ratio
from benchmarks.servers import fetch, serving
from benchmarks.upstreams import ec2, slow_amazon

ROUNDS = 5
WORKERS = 2
CLIENTS = 200
SECONDS = 1.0
NAMES = [f"cloud{number}" for number in range(20)]
CLOUD_SECONDS = 0.3


def measure(directory: Path) -> list[Ratio]:
    """Measure many callers and one caller."""
    allow_many_connections()
    return [*_shared(directory), *_all_clouds(directory)]


def _shared(directory: Path) -> list[Ratio]:
    with slow_amazon(SECONDS, 10) as cloud, serving(ec2("slow", cloud), directory, WORKERS) as port:
        asyncio.run(get_at_once(port, "/api/v1/nodes/slow", 8))  # Wait until Libcloud is imported.
        calls, slowest = [], []
        for _ in range(ROUNDS):
            before = _count(cloud)
            answers = asyncio.run(get_at_once(port, "/api/v1/nodes/slow", CLIENTS))
            assert all(status == 200 for status, _ in answers)
            calls.append((float(_count(cloud) - before), float(WORKERS)))
            slowest.append((max(seconds for _, seconds in answers), SECONDS))
    return [
        Ratio("upstream calls of 200 simultaneous reads to workers", calls, at_most=1.0),
        Ratio("seconds of the slowest of them to the cloud's own", slowest, at_most=1.3),
    ]


def _count(cloud: int) -> int:
    return int(fetch(f"http://127.0.0.1:{cloud}/count"))


def _all_clouds(directory: Path) -> list[Ratio]:
    name = "seconds of GET /nodes to the slowest of 20 clouds"
    late = f'driver = "dummy"\n[clouds.{{name}}.faults]\nlatency = "{CLOUD_SECONDS}"\n'
    settings = "".join(f"[clouds.{one}]\n{late.format(name=one)}" for one in NAMES)
    ratios = [Ratio(name, _rounds(settings, directory), at_most=1.3)]
    with slow_amazon(CLOUD_SECONDS, 10) as cloud:
        settings = "".join(ec2(one, cloud) for one in NAMES)
        # Libcloud's work for twenty answers is added to the time of the slowest.
        ratios.append(Ratio(f"{name}, through Libcloud", _rounds(settings, directory)))
    return ratios


def _rounds(settings: str, directory: Path) -> list[tuple[float, float]]:
    with serving(settings, directory, 1) as port:
        pairs = []
        for number in range(ROUNDS + 1):
            path = f"/api/v2/nodes?clouds={','.join(NAMES)}"
            status, seconds = asyncio.run(get(port, path))
            assert status == 200
            if number:  # The first request creates the threads.
                pairs.append((seconds, CLOUD_SECONDS))
    return pairs
