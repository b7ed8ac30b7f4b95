"""What a cloud has: its nodes, images and sizes."""

from __future__ import annotations

from typing import Any, ClassVar

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.v1 import answers
from orchestrator_core.api.v1.base import CloudResource
from orchestrator_core.clouds.cloud import Cloud
from orchestrator_core.clouds.driver import Driver


class _ListResource(CloudResource):
    """A list of one kind of thing; shaped and encoded in the cloud's own threads."""

    operation: ClassVar[str]
    key: ClassVar[str]

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with the whole list."""
        asked = self.cloud(cloud)

        def job(driver: Driver) -> bytes:
            return answers.encode({self.key: self.shaped(asked, driver)})

        async def work(_: dict[str, Any]) -> bytes:
            return await asked.run(self.operation, job)

        resp.data = await self.around(req, self.operation, asked, {}, work)

    def shaped(self, cloud: Cloud, driver: Driver) -> list[dict[str, Any]]:
        """Ask the cloud and return its answer as this version shows it."""
        raise NotImplementedError


class NodesResource(_ListResource):
    """``GET /nodes{/<cloud>}``."""

    operation = "list_nodes"
    key = "nodes"

    def shaped(self, cloud: Cloud, driver: Driver) -> list[dict[str, Any]]:
        """Return every node."""
        return answers.shape_nodes(cloud.describe(driver), driver.list_nodes())


class ImagesResource(_ListResource):
    """``GET /images{/<cloud>}``."""

    operation = "list_images"
    key = "images"

    def shaped(self, cloud: Cloud, driver: Driver) -> list[dict[str, Any]]:
        """Return every image."""
        return answers.shape_images(cloud.describe(driver), driver.list_images())


class SizesResource(_ListResource):
    """``GET /sizes{/<cloud>}`` and ``GET /flavors{/<cloud>}``."""

    operation = "list_sizes"
    key = "flavors"

    def shaped(self, cloud: Cloud, driver: Driver) -> list[dict[str, Any]]:
        """Return every size."""
        return answers.shape_sizes(cloud.describe(driver), driver.list_sizes())


class NodeResource(CloudResource):
    """``GET /nodes/<cloud>/<id>``."""

    async def on_get(
        self, req: Request, resp: Response, cloud: str = "", node_id: str = "", **_: str
    ) -> None:
        """Answer with one node; ``nodes`` is one object, as in the answer to a start."""
        asked = self.cloud(cloud)

        async def work(wanted: dict[str, Any]) -> bytes:
            def job(driver: Driver) -> bytes:
                node = driver.get_node(wanted["node"])
                return answers.encode({"nodes": answers.shape_node(asked.describe(driver), node)})

            return await asked.run("get_node", job)

        resp.data = await self.around(req, "get_node", asked, {"node": node_id}, work)
