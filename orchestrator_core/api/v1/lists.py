"""What a cloud has: its nodes, images and sizes."""

from __future__ import annotations

from typing import Any

from orchestrator_core.api.resource import Request, Resource, Response
from orchestrator_core.api.v1 import answers
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.registry import Registry
from orchestrator_core.deadline import Deadline


class _CloudList(Resource):
    """A list of one kind of thing; shaped and encoded in the cloud's own threads."""

    operation = ""
    key = ""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with the whole list."""
        asked = self._registry.cloud(cloud)

        def job(driver: Driver, deadline: Deadline) -> bytes:
            return answers.encode({self.key: self.shaped(asked, driver, deadline)})

        resp.data = await asked.run(self.operation, job)

    def shaped(self, cloud: Cloud, driver: Driver, deadline: Deadline) -> list[dict[str, Any]]:
        """Ask the cloud and return its answer as this version shows it."""
        raise NotImplementedError


class NodesResource(_CloudList):
    """``GET /nodes{/<cloud>}``."""

    operation = "list_nodes"
    key = "nodes"

    def shaped(self, cloud: Cloud, driver: Driver, deadline: Deadline) -> list[dict[str, Any]]:
        """Return every node."""
        return answers.shape_nodes(cloud.describe(), driver.list_nodes(deadline))


class ImagesResource(_CloudList):
    """``GET /images{/<cloud>}``."""

    operation = "list_images"
    key = "images"

    def shaped(self, cloud: Cloud, driver: Driver, deadline: Deadline) -> list[dict[str, Any]]:
        """Return every image."""
        return answers.shape_images(cloud.describe(), driver.list_images(deadline))


class SizesResource(_CloudList):
    """``GET /sizes{/<cloud>}`` and ``GET /flavors{/<cloud>}``."""

    operation = "list_sizes"
    key = "flavors"

    def shaped(self, cloud: Cloud, driver: Driver, deadline: Deadline) -> list[dict[str, Any]]:
        """Return every size."""
        return answers.shape_sizes(cloud.describe(), driver.list_sizes(deadline))


class NodeResource(Resource):
    """``GET /nodes/<cloud>/<id>``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def on_get(
        self, req: Request, resp: Response, cloud: str = "", node_id: str = "", **_: str
    ) -> None:
        """Answer with one node; ``nodes`` is one object, as in the answer to a start."""
        asked = self._registry.cloud(cloud)

        def job(driver: Driver, deadline: Deadline) -> bytes:
            node = driver.get_node(node_id, deadline)
            return answers.encode({"nodes": answers.shape_node(asked.describe(), node)})

        resp.data = await asked.run("get_node", job)
