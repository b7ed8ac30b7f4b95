"""A caller at its limits: ``python -m benchmarks.worst PORT DIRECTORY [NAME...]``.

It sends large bodies, large lists, slow reads, 1,000 connections and 2,400 asynchronous starts at
once, or only those that are named, until the standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks.clients import allow_many_connections
from benchmarks.neighbour import WORST

CONNECTIONS = 1000
BODIES = 16
LISTS = 4
SLOW_READERS = 50
STARTS = 2400
STARTERS = 50

_TOKEN = f"Bearer {WORST}"

# Each request differs, so that no two requests share a call of the cloud.
_READS = f"""
local number = 0
local headers = {{ ["Authorization"] = "{_TOKEN}" }}
request = function()
  number = number + 1
  return wrk.format("GET", "/api/v1/nodes/shared/i-" .. number, headers)
end
"""

_BODIES = f"""
wrk.method = "POST"
wrk.headers["Authorization"] = "{_TOKEN}"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{{"name": "' .. string.rep("x", 1000000) .. '"}}'
"""

_LISTS = f'wrk.headers["Authorization"] = "{_TOKEN}"'


def main() -> None:
    """Run until the standard input ends."""
    allow_many_connections()
    # On another machine this process would not use the server's processors, so the server goes
    # first.
    os.nice(10)
    port, directory = int(sys.argv[1]), Path(sys.argv[2])
    parts = sys.argv[3:] or ("reads", "bodies", "lists", "slow_reads", "starts")
    with ExitStack() as stack:
        for name, script, connections, path in (
            ("reads", _READS, CONNECTIONS, "/api/v1/"),
            ("bodies", _BODIES, BODIES, "/api/v1/vm/start/shared"),
            ("lists", _LISTS, LISTS, "/api/v1/nodes/large"),
        ):
            if name not in parts:
                continue
            file = directory / f"{name}.lua"
            file.write_text(script)
            command = ["wrk", "-t1", f"-c{connections}", "-d600s", "-s", str(file)]
            process = subprocess.Popen(
                [*command, f"http://127.0.0.1:{port}{path}"], stdout=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        asyncio.run(_clients(port, parts))


async def _clients(port: int, parts: Sequence[str]) -> None:
    tasks = []
    if "slow_reads" in parts:
        tasks += [asyncio.ensure_future(_read_slowly(port)) for _ in range(SLOW_READERS)]
    if "starts" in parts:
        tasks += [asyncio.ensure_future(_start(port)) for _ in range(STARTERS)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _read_slowly(port: int) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            writer.write(_request("GET", "/api/v1/nodes/large"))
            while await reader.read(1024):  # noqa: ASYNC110 - a slow reader is the purpose
                await asyncio.sleep(1.0)
            writer.close()


async def _start(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"name": "x", "image": "1", "size": "1"}'
    for _ in range(STARTS // STARTERS):
        writer.write(_request("POST", "/api/v1/vm/start/shared", body))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {_TOKEN}\r\n"
        f"Prefer: respond-async\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
