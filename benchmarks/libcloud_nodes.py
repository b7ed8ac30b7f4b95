"""A list of a thousand nodes of a real EC2 API, through the server and through Libcloud alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from libcloud.compute.providers import get_driver

from benchmarks.clients import get
from benchmarks.ratio import Ratio
from benchmarks.servers import serving
from benchmarks.upstreams import ec2
from orchestrator_libcloud.fake import ec2_server

PAIRS = 7
NODES = 1000


def driver(port: int) -> Any:
    """Return Libcloud's own driver for the API at a port."""
    made = get_driver("ec2")
    return made(
        *("AKIAIOSFODNN7EXAMPLE", "x"),
        region="eu-west-1",
        host="127.0.0.1",
        port=port,
        secure=False,
        signature_version="4",
    )


def start_nodes(port: int, count: int) -> None:
    """Start ``count`` nodes with one request."""
    amazon = driver(port)
    image, size = amazon.list_images()[0], amazon.list_sizes()[0]
    amazon.create_node(name="n", image=image, size=size, ex_mincount=count, ex_maxcount=count)


def measure(directory: Path) -> list[Ratio]:
    """Measure both, one after the other."""
    with ec2_server(remembers=False) as cloud:
        start_nodes(cloud, NODES)
        with (
            serving(ec2("aws", cloud), directory, 1) as port,
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.libcloud_alone", str(cloud)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as alone,
        ):
            assert alone.stdin
            assert alone.stdout
            pairs = []
            for number in range(PAIRS + 1):
                theirs = _alone(alone.stdin, alone.stdout)
                status, ours = asyncio.run(get(port, "/api/v1/nodes/aws"))
                assert status == 200
                if number:  # The first round warms up.
                    pairs.append((ours, theirs))
            alone.stdin.close()
    return [Ratio("seconds for 1,000 EC2 nodes to Libcloud alone", pairs, at_most=1.1)]


def _alone(ask: IO[str], answer: IO[str]) -> float:
    ask.write("again\n")
    ask.flush()
    return float(answer.readline())
