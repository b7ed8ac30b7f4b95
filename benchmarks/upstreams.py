"""The clouds behind the measured server, each in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CREDENTIALS = {
    "BENCHMARK_SECRET": "not-a-secret-of-anything",
    "BENCHMARK_HONEST": "3f9c1d2e4b5a69788796a5b4c3d2e1f0",
    "BENCHMARK_WORST": "8d5e7f60112233445566778899aabbcc",
}
"""The environment variables that the settings below name."""


@contextmanager
def upstream(*command: str) -> Iterator[int]:
    """Run a program that prints its port and serves until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield int(process.stdout.readline())
        process.stdin.close()


@contextmanager
def slow_amazon(seconds: float, nodes: int) -> Iterator[int]:
    """Run a cloud whose lists take ``seconds`` seconds."""
    with upstream("-m", "benchmarks.amazon", str(seconds), str(nodes)) as port:
        yield port


@contextmanager
def silent() -> Iterator[int]:
    """Open a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening.getsockname()[1]


def ec2(name: str, port: int, *lines: str) -> str:
    """Return the settings of a cloud that Libcloud reaches at a port."""
    own = (
        f"[clouds.{name}]",
        'driver = "libcloud"',
        'provider = "ec2"',
        'key = "AKIAIOSFODNN7EXAMPLE"',
        'secret = "env:BENCHMARK_SECRET"',
        'region = "eu-west-1"',
        'host = "127.0.0.1"',
        f"port = {port}",
        "secure = false",
    )
    return "\n".join((*own, *lines, ""))
