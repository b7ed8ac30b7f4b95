"""An honest client in a process of its own, so that nothing but the server slows it down.

``python -m tests.fuzz.honest PORT SECONDS TOKEN [PATH...]`` prints the 99th percentile in ms.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import time

from tests.conftest import environment_without_ours

_PAUSE = 0.004
PATHS = ("/api/v1/", "/api/v1/nodes", "/api/v1/images")


async def percentile(port: int, seconds: float, token: str) -> float:
    """Return the 99th percentile (ms) of an honest client over some seconds."""
    command = (sys.executable, "-m", __name__, str(port), str(seconds), token)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=environment_without_ours()
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, "an honest request was not answered with 200"
    return float(out)


def ratio(pairs: list[tuple[float, float]]) -> float:
    """Return the median of the ratios of pairs."""
    return statistics.median(beside / alone for beside, alone in pairs)


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
    times = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        times.append(_once(port, PATHS[len(times) % len(PATHS)], token))
        time.sleep(_PAUSE)
    print(1000 * sorted(times)[int(len(times) * 0.99)])  # noqa: T201


if __name__ == "__main__":
    _main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
