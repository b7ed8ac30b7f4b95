"""Starting and stopping VMs."""

from __future__ import annotations

from typing import Any

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1 import answers, requests
from orchestrator_core.api.v1.base import CloudResource
from orchestrator_core.broker.broker import StartOrder
from orchestrator_core.model import CloudDescription, Node

_start = requests.StartRequestSchema()
_stop = requests.StopRequestSchema()


class StartResource(CloudResource):
    """``POST /vm/start{/<cloud>}``."""

    async def on_post(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Start a VM; answer once the cloud has accepted and named it."""
        asked = self.cloud(cloud)

        async def work(wanted: dict[str, Any]) -> tuple[CloudDescription, Node]:
            return await self.services.broker.start_vm(asked, StartOrder(**wanted))

        wanted = await self.body(req, _start)
        description, node = await self.around(req, "start_vm", asked, wanted, work)
        resp.data = answers.encode({"nodes": answers.shape_node(description, node, secrets=True)})


class StopResource(CloudResource):
    """``PUT /vm/stop{/<cloud>}``: destroys the VM."""

    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Destroy a VM; answer once the cloud has accepted it."""
        asked = self.cloud(cloud)

        async def work(wanted: dict[str, Any]) -> str:
            return await self.services.broker.stop_vm(
                asked, wanted.get("node"), wanted.get("hostname")
            )

        wanted = await self.body(req, _stop)
        node_id = await self.around(req, "stop_vm", asked, wanted, work)
        resp.data = answers.encode({"result": f"Node {node_id} deleted"})
