"""Version 1 with the dummy cloud against bare Falcon: speed, memory, time to the first answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from benchmarks.ratio import Ratio
from benchmarks.servers import Server, bare_asgi, bare_wsgi, fetch, free_port, ours, running
from benchmarks.wrk import load

PAIRS = 9
WORKERS = 2
CLIENTS = 32
SECONDS = 2

Command = Callable[[int, int], list[str]]

_SETTINGS = 'default_cloud = "fake_driver"\n[clouds.fake_driver]\ndriver = "dummy"\n'


def measure(directory: Path) -> list[Ratio]:
    """Measure everything.

    Args:
        directory: the folder for the body that the bare apps return.
    """
    config = directory / "orchestrator.toml"
    config.write_text(_SETTINGS)
    body = directory / "body.json"
    body.write_bytes(_our_answer(directory))
    return [*_speed(body), _memory(body), _start(body)]


def _our_answer(directory: Path) -> bytes:
    with _run(_ours(directory), 1, directory) as server:
        return fetch(server.url)


def _ours(directory: Path) -> Command:
    return lambda port, workers: ours(port, workers, directory / "orchestrator.toml")


def _run(command: Command, workers: int, body: Path) -> AbstractContextManager[Server]:
    port = free_port()
    return running(command(port, workers), port, body)


def _speed(body: Path) -> list[Ratio]:
    with ExitStack() as stack:
        asgi, wsgi, us = (
            stack.enter_context(_run(command, WORKERS, body))
            for command in (bare_asgi, bare_wsgi, _ours(body.parent))
        )
        rounds = []
        for number in range(PAIRS + 1):
            rates = tuple(
                load(server.url, clients=CLIENTS, seconds=SECONDS).rate
                for server in (asgi, wsgi, us)
            )
            if number:  # The first round warms up.
                rounds.append(rates)
    return [
        Ratio("requests/s to bare Falcon ASGI", [(u, a) for a, _, u in rounds], at_least=0.5),
        Ratio(
            "requests/s to bare Falcon WSGI on gthread",
            [(u, w) for _, w, u in rounds],
            at_least=1.0,
        ),
    ]


def _memory(body: Path) -> Ratio:
    pairs = []
    for _ in range(PAIRS):
        sizes = []
        for command in (_ours(body.parent), bare_asgi):
            with _run(command, 1, body) as server:
                for _ in range(200):
                    fetch(server.url)
                sizes.append(server.worker_rss() / 2**20)
        pairs.append((sizes[0], sizes[1]))
    return Ratio("worker's MiB to bare Falcon ASGI", pairs, at_most=2.0)


def _start(body: Path) -> Ratio:
    pairs = []
    for _ in range(PAIRS):
        seconds = []
        for command in (_ours(body.parent), bare_asgi):
            with _run(command, 1, body) as server:
                seconds.append(server.seconds)
        pairs.append((seconds[0], seconds[1]))
    return Ratio("seconds to the first answer to bare Falcon ASGI", pairs, at_most=2.5)
