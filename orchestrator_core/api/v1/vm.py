"""Starting and stopping VMs."""

from __future__ import annotations

from orchestrator_core.api.body import read_object
from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import answers, requests
from orchestrator_core.broker.broker import StartOrder


class StartResource(Resource):
    """``POST /vm/start{/<cloud>}``."""

    _schema = requests.StartRequestSchema()

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_post(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Start a VM; answer once the cloud has accepted and named it."""
        asked = self._services.registry.cloud(cloud)
        body = await read_object(req, self._services.settings.server.max_body)
        order = StartOrder(**requests.load(self._schema, body))
        description, node = await self._services.broker.start_vm(asked, order)
        resp.data = answers.encode({"nodes": answers.shape_node(description, node, secrets=True)})


class StopResource(Resource):
    """``PUT /vm/stop{/<cloud>}``: destroys the VM."""

    _schema = requests.StopRequestSchema()

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_put(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Destroy a VM; answer once the cloud has accepted it."""
        asked = self._services.registry.cloud(cloud)
        body = await read_object(req, self._services.settings.server.max_body)
        wanted = requests.load(self._schema, body)
        node_id = await self._services.broker.stop_vm(
            asked, wanted.get("node"), wanted.get("hostname")
        )
        resp.data = answers.encode({"result": f"Node {node_id} deleted"})
