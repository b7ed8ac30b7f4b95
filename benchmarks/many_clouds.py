"""A thousand clouds in one settings file: start, idle processes, and a list of all nodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psutil

from benchmarks.clients import get
from benchmarks.ratio import Ratio
from benchmarks.servers import Server, bare_asgi, free_port, ours, running

CLOUDS: Final = 1000
LATENCY: Final = "0.3"
"""Seconds that each cloud takes for a list, as in the benchmark of 20 clouds."""

_ROUNDS: Final = 5
_STARTS: Final = 3
_MOST_SECONDS: Final = 5.0
_MOST_MIB: Final = 150.0
_MOST_THREADS: Final = 50.0
_IDLE_SECONDS: Final = 6.0
"""Seconds after which an idle thread has ended, if few other threads of its cloud are idle."""

_STATE: Final = '[state]\nurl = "sqlite:///state.db"\n'


def measure(directory: Path) -> list[Ratio]:
    """Measure a server with a database and three processes, and one without beside one pool."""
    return [*_start_and_idle(directory), _all_nodes(directory)]


def _settings(latency: str = "0") -> str:
    cloud = '[clouds.{0}]\ndriver = "dummy"\n'
    if latency != "0":
        cloud += f'[clouds.{{0}}.faults]\nlatency = "{latency}"\n'
    names = [*(f"cloud{number}" for number in range(CLOUDS - 1)), "fake_driver"]
    return "".join(cloud.format(name) for name in names)


@contextmanager
def _serving(directory: Path, settings: str, workers: int) -> Iterator[tuple[Server, int]]:
    config = directory / "orchestrator.toml"
    config.write_text(settings)
    port = free_port()
    with running(ours(port, workers, config), port, config) as server:
        yield server, port


def _start_and_idle(directory: Path) -> list[Ratio]:
    starts, sizes, threads = [], [], []
    for _ in range(_STARTS):
        with _serving(directory, _STATE + _settings(), 2) as (server, port):
            starts.append((server.seconds, _MOST_SECONDS))
            for _ in range(4):  # Both workers start the threads of all clouds.
                asyncio.run(get(port, "/api/v2/nodes"))
            time.sleep(_IDLE_SECONDS)
            size, most = _largest(server)
            sizes.append((size, _MOST_MIB))
            threads.append((most, _MOST_THREADS))
    of_all = f"with {CLOUDS:,} clouds"
    return [
        Ratio(f"seconds to the first answer {of_all}, to 5", starts, at_most=1.0),
        Ratio(f"MiB of the largest idle process {of_all}, to 150", sizes, at_most=1.0),
        Ratio(f"threads of an idle process {of_all}, to 50", threads, at_most=1.0),
    ]


def _largest(server: Server) -> tuple[float, float]:
    """Return the largest memory (MiB) and number of threads of a server's processes."""
    master = psutil.Process(server.process.pid)
    processes = [master, *master.children(recursive=True)]
    sizes = [process.memory_info().rss / 2**20 for process in processes]
    return max(sizes), float(max(process.num_threads() for process in processes))


def _all_nodes(directory: Path) -> Ratio:
    with ExitStack() as stack:
        _, ours_port = stack.enter_context(_serving(directory, _settings(LATENCY), 1))
        pool_port = free_port()
        command = [*bare_asgi(pool_port, 1)[:-1], "benchmarks.one_pool:app"]
        body = directory / "orchestrator.toml"
        stack.enter_context(running(command, pool_port, body))
        pairs = []
        for number in range(_ROUNDS + 1):
            seconds = tuple(_seconds(port) for port in (ours_port, pool_port))
            if number:  # The first round starts the threads.
                pairs.append((seconds[0], seconds[1]))
    name = f"seconds of GET /nodes over {CLOUDS:,} clouds to one pool of as many threads"
    return Ratio(name, pairs, at_most=1.3)


def _seconds(port: int) -> float:
    status, seconds = asyncio.run(get(port, "/api/v2/nodes"))
    assert status == 200
    return seconds
