"""Routes that list a cloud's nodes, and what a start can name: images, sizes, networks ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core.api.caching import acceptable_age, tell_age
from orchestrator_core.api.deprecated import tell_successor
from orchestrator_core.api.encoded import Encoded, answer_with
from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.v1 import answers, encoding, schemas
from orchestrator_core.api.v1.all_clouds import AllClouds
from orchestrator_core.api.v1.base import CloudResource
from orchestrator_core.api.v1.paging import WHOLE, Page, one_of, page_of
from orchestrator_core.api.v1.requests import checked_text
from orchestrator_core.clouds.cloud import Cloud, Question
from orchestrator_core.errors import InvalidParameter
from orchestrator_core.model import CloudDescription, Node


@dataclass(frozen=True, slots=True)
class _Shaper:
    """The function that shapes and encodes a list; both take long for a long list."""

    key: str
    shape: Callable[[CloudDescription, Sequence[Any]], list[dict[str, Any]]]
    page: Page = WHOLE

    def __call__(self, cloud: CloudDescription, things: Sequence[Any]) -> Encoded:
        after: dict[str, Any] = {}
        if not self.page.whole:
            things, after["next_marker"] = self.page.of(things)
        items = encoding.encode_items(self.shape, cloud, things)
        return encoding.encode_list(self.key, items, after)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a cloud's things.

    Attributes:
        operation: the hook that returns the list.
        key: the key of the list in the answer.
        schema: the schema of one thing in the answer.
        filters: the parameters of the query that filter the list, in the order of the arguments of
            :class:`Driver`'s method after ``limit`` and ``marker``.
    """

    operation: str
    key: str
    schema: type[Schema]
    filters: tuple[str, ...] = ()


NODES: Final = Listing("list_nodes", "nodes", schemas.NodeSchema)

_IMAGE_FILTERS: Final = ("name", "owner", "architecture")

LISTS: Final[Mapping[str, Listing]] = MappingProxyType(
    {
        "/images": Listing("list_images", "images", schemas.ImageSchema, _IMAGE_FILTERS),
        "/sizes": Listing("list_sizes", "flavors", schemas.SizeSchema),
        "/flavors": Listing("list_sizes", "flavors", schemas.SizeSchema),
        "/locations": Listing("list_locations", "locations", schemas.LocationSchema),
        "/keypairs": Listing("list_keypairs", "keypairs", schemas.KeyPairSchema),
        "/networks": Listing("list_networks", "networks", schemas.NetworkSchema),
        "/firewalls": Listing("list_firewalls", "firewalls", schemas.FirewallSchema),
    }
)
"""The lists by path; each also has a path that ends with the cloud."""


class ListResource(CloudResource):
    """A route that lists one kind of thing: ``GET /<path>{/<cloud>}``.

    Args:
        services: the objects that resources use.
        listing: the list.
    """

    def __init__(self, services: Services, listing: Listing) -> None:
        super().__init__(services)
        self.operation = listing.operation
        self._filters = listing.filters
        self._whole = _Shaper(listing.key, answers.shaper(listing.schema))

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with the whole list, or with the part that the query asks for."""
        asked = self.cloud(cloud)
        page = page_of(req)
        whole = self._whole
        shape = whole if page is WHOLE else _Shaper(whole.key, whole.shape, page)
        question = Question(self.operation, shape, self._parameters(req, asked, page))
        kept_for = asked.kept_for(self.operation)
        if not kept_for:
            answer_with(resp, (await self.read(req, asked, question)).value)
            return
        reading = await self.read(req, asked, question, acceptable_age(req))
        tell_age(resp, reading.age, kept_for)
        answer_with(resp, reading.value)

    def _parameters(self, req: Request, asked: Cloud, page: Page) -> dict[str, str | int | None]:
        """Return the parameters of the question."""
        given = {name: _filter(req, name) for name in self._filters if req.query_string}
        if any(value is not None for value in given.values()):
            return {"limit": None, "marker": None, **self._part(asked, page), **given}
        return self._part(asked, page)

    def _part(self, asked: Cloud, page: Page) -> dict[str, str | int | None]:
        """Return the parameters for a cloud that can return a part of the list.

        The limit is one more than is shown: the extra item says whether there is a next part.
        """
        if page.limit is None or not asked.pages(self.operation):
            return {}
        return {"limit": page.limit + 1, "marker": page.marker}


class NodesResource(ListResource):
    """``GET /nodes{/<cloud>}``, and ``GET /nodes?clouds=`` for several clouds at once."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, NODES)

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **segments: str
    ) -> None:
        """Answer with the nodes of one cloud, or of all clouds that the query names."""
        if not req.query_string or "clouds" not in req.params:
            await super().on_get(req, resp, cloud, **segments)
            return
        tell_successor(req, resp, "/api/v2/nodes", {})
        if cloud is not None:
            raise InvalidParameter("clouds", "cannot be given together with a cloud in the path")
        answer_with(resp, await AllClouds(self).answer(req))


class NodeResource(CloudResource):
    """``GET /nodes/<cloud>/<id>``."""

    async def on_get(
        self, req: Request, resp: Response, cloud: str = "", node_id: str = "", **_: str
    ) -> None:
        """Answer with one node; ``nodes`` is one object, as in the answer to a start."""
        asked = self.cloud(cloud)
        question = Question("get_node", _one_node, {"node": node_id})
        reading = await self.read(req, asked, question)
        resp.data = reading.value


def _filter(req: Request, name: str) -> str | None:
    """Return a filter of the query; None without it.

    Raises:
        InvalidParameter: when it is not one line of text, or is repeated.
    """
    value = one_of(req, name)
    return None if value is None else checked_text(name, value)


def _one_node(cloud: CloudDescription, node: Node) -> bytes:
    return encoding.encode({"nodes": answers.shape_node(cloud, node)})
