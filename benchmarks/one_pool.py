"""A bare Falcon app that calls many dummy clouds in one pool of threads, without guards."""

from __future__ import annotations

import asyncio
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import falcon.asgi

from benchmarks.many_clouds import CLOUDS, LATENCY
from orchestrator_core import Deadline, PluginContext
from orchestrator_core.api.shared.encoded import Encoded
from orchestrator_core.api.shared.encoding import encode_items, encode_list, joined
from orchestrator_core.api.v2.schemas import NodeSchema
from orchestrator_core.api.v2.shapes import PROJECTIONS, Owner
from orchestrator_core.clouds.journal import Journal
from orchestrator_core.log import configure_logging
from orchestrator_core.settings.model import ServerSettings
from orchestrator_dummy import FaultInjectionDriver

_SECONDS: Final = 30.0

configure_logging(ServerSettings())


class _Cloud:
    """A dummy cloud, with the log line that the core writes for each call."""

    def __init__(self, name: str, directory: Path) -> None:
        settings = FaultInjectionDriver.settings_schema().load({"faults": {"latency": LATENCY}})
        self.name = name
        self._driver = FaultInjectionDriver(PluginContext(name, directory), settings)
        self._journal = Journal({"cloud": name})

    def nodes(self) -> Encoded:
        """Return the nodes in the shape of version 2."""
        begun = time.monotonic()
        nodes = self._driver.list_nodes(Deadline(_SECONDS), {})
        shaped = encode_items(PROJECTIONS[NodeSchema].many, Owner(self.name), nodes)
        self._journal.ended("list_nodes", 1, time.monotonic() - begun, None)
        return shaped


class _Nodes:
    """The list of all nodes, with the report of each cloud."""

    def __init__(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="benchmark-"))
        self._clouds = [_Cloud(f"cloud{number}", directory) for number in range(CLOUDS)]
        self._pool = ThreadPoolExecutor(CLOUDS)

    async def on_get(self, _req: falcon.asgi.Request, resp: falcon.asgi.Response, **_: str) -> None:
        begun = time.monotonic()
        loop = asyncio.get_running_loop()
        calls = (loop.run_in_executor(self._pool, cloud.nodes) for cloud in self._clouds)
        lists = await asyncio.gather(*calls)
        duration = round(time.monotonic() - begun, 3)
        reports = [
            {"name": cloud.name, "answered": True, "seconds": duration, "error_code": None}
            for cloud in self._clouds
        ]
        resp.data = bytes(encode_list({}, "nodes", joined(lists), {"clouds": reports}))


class _Up:
    async def on_get(self, _req: falcon.asgi.Request, resp: falcon.asgi.Response, **_: str) -> None:
        resp.data = b"{}"


app = falcon.asgi.App()
app.add_route("/api/v2/nodes", _Nodes())
app.add_route("/api/v1/nodes/{cloud}", _Up())
