"""The cost of metrics, logs and traces: requests with and without, and the CPU time of a scrape."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from benchmarks.ratio import Ratio
from benchmarks.servers import Server, fetch, free_port, ours, running
from benchmarks.wrk import load
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import assignments, vms

PAIRS = 9
SECONDS = 2
CLIENTS = 32
VMS = 10_000
CLOUDS = 20
SCRAPES = 8
ALLOWED_MS = 100.0

_CLOUD = 'default_cloud = "fake_driver"\n[clouds.fake_driver]\ndriver = "dummy"\n'

_WITH = """
[server]
log_format = "json"
[traces]
enabled = true
sample = 0.01
endpoint = "http://127.0.0.1:{port}"
"""
_WITHOUT = "[server]\naccess_log = false\n[metrics]\nenabled = false\n"


def measure(directory: Path) -> list[Ratio]:
    """Measure short answers with and without all of them, and scrapes of a large ledger.

    Args:
        directory: the folder of the servers' files.
    """
    return [*_answers(directory), _scrapes(directory)]


def _answers(directory: Path) -> list[Ratio]:
    with ExitStack() as stack:
        with_traces = _WITH.format(port=stack.enter_context(_collector()))
        observed = stack.enter_context(_serving(_CLOUD + with_traces, directory / "with"))
        bare = stack.enter_context(_serving(_CLOUD + _WITHOUT, directory / "without"))
        ratios = [
            _pairs("a list of nodes", observed.url, bare.url),
            _pairs("the shortest answer", _root(observed), _root(bare)),
        ]
        assert _Collector.received, "no span has reached the collector"
        return ratios


class _Collector(BaseHTTPRequestHandler):
    """A collector of traces that keeps none."""

    received = 0
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Accept spans."""
        type(self).received += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _collector() -> Iterator[int]:
    """Serve a collector until the block ends; yield its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _root(server: Server) -> str:
    return f"{server.url.partition('/api')[0]}/api/v1/"


def _pairs(what: str, observed: str, bare: str) -> Ratio:
    pairs = []
    for number in range(PAIRS + 1):
        ours_ = load(observed, clients=CLIENTS, seconds=SECONDS).rate
        theirs = load(bare, clients=CLIENTS, seconds=SECONDS).rate
        if number:  # The first round warms up.
            pairs.append((ours_, theirs))
    name = f"requests/s of {what} with metrics, access lines, JSON logs and traces to those without"
    return Ratio(name, pairs, at_least=0.85)


def _scrapes(directory: Path) -> Ratio:
    state = f"sqlite:///{directory}/state.db"
    toml = f'{_CLOUD}[state]\nurl = "{state}"\nworker = false\n'
    with _serving(toml, directory / "scrapes") as server:
        _fill(state)
        metrics = f"{server.url.partition('/api')[0]}/metrics"
        assert fetch(metrics).count(b"orchestrator_vms{") == 2 * CLOUDS
        pairs = []
        for _ in range(SCRAPES):
            time.sleep(1.2)  # The figures are kept for a second.
            idle = _cpu(server)
            time.sleep(0.3)
            begun = _cpu(server)
            fetch(metrics)
            time.sleep(0.3)
            spent = (_cpu(server) - begun) - (begun - idle)
            pairs.append((1000.0 * max(spent, 0.0), ALLOWED_MS))
    return Ratio(f"CPU ms of a scrape with {VMS} VMs to those allowed", pairs, at_most=1.0)


def _cpu(server: Server) -> float:
    total = 0.0
    for process in psutil.Process(server.process.pid).children():
        spent = process.cpu_times()
        total += spent.user + spent.system
    return total


def _serving(toml: str, directory: Path) -> Any:
    directory.mkdir()
    config = directory / "orchestrator.toml"
    config.write_text(toml)
    port = free_port()
    return running(ours(port, 2, config), port, config, log=directory / "log")


def _fill(state: str) -> None:
    """Insert VMs on several clouds, each of them assigned with a lease."""
    database = Database(state, Path())

    def insert(connection: Any) -> None:
        at = now()
        connection.execute(
            vms.insert().values(protected=False, generation=1, created_at=at, origin="started"),
            [
                {
                    "id": number,
                    "cloud": f"cloud-{number % CLOUDS}",
                    "node_id": f"node-{number}",
                    "state": "present" if number % 40 < CLOUDS else "destroying",
                }
                for number in range(1, VMS + 1)
            ],
        )
        connection.execute(
            assignments.insert().values(
                user="ann",
                vm_type="app",
                caller="c",
                backend="given",
                generation=1,
                state="active",
                created_at=at,
                lease_expires_at=at + 600.0,
            ),
            [
                {
                    "id": f"{number:032x}",
                    "vm_id": number,
                    "cloud": f"cloud-{number % CLOUDS}",
                    "node_id": f"node-{number}",
                }
                for number in range(1, VMS + 1)
            ],
        )

    database.write_now(insert)
    database.close()
