"""A compliant client in a process of its own, so that only the server can slow it down.

``python -m tests.fuzz.compliant_client PORT SECONDS TOKEN [PATH...]`` prints the 99th percentile
in ms.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.conftest import environment_without_ours

_PAUSE = 0.004
_PAIRS = 7
_SECONDS = 6.0
PATHS = ("/api/v1/", "/api/v1/nodes", "/api/v1/images")


async def compare(
    port: int, token: str, load: Callable[[float], Coroutine[Any, Any, object]]
) -> float:
    """Return the median of 7 ratios of the 99th percentile beside a load to that alone.

    Args:
        port: the server's port.
        token: the compliant client's.
        load: makes the load for this many seconds, and is cancelled after that.
    """
    pairs = []
    for _ in range(_PAIRS):
        alone = await _percentile(port, _SECONDS, token)
        loading = asyncio.create_task(load(2 * _SECONDS))
        beside = await _percentile(port, _SECONDS, token)
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        pairs.append((round(beside, 1), round(alone, 1)))
    ratio = statistics.median(beside / alone for beside, alone in pairs)
    print(f"\n99th percentiles (ms) beside and alone: {pairs}, ratio {ratio:.2f}")  # noqa: T201
    return ratio


async def _percentile(port: int, seconds: float, token: str) -> float:
    """Return the 99th percentile (ms) of a compliant client over some seconds."""
    command = (sys.executable, "-m", __name__, str(port), str(seconds), token)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=environment_without_ours()
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, "a compliant request was not answered with 200"
    return float(out)


def _once(port: int, path: str, token: str) -> float:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"{path}: {answer[:300]!r}")
    return time.perf_counter() - begun


def _main(port: int, seconds: float, token: str) -> None:
    times: list[float] = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        times.append(_once(port, PATHS[len(times) % len(PATHS)], token))
        time.sleep(_PAUSE)
    print(1000 * sorted(times)[int(len(times) * 0.99)])  # noqa: T201


if __name__ == "__main__":
    _main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
