"""Routes that list a cloud's nodes, images, sizes and locations, each list as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.caching import acceptable_age, tell_age
from orchestrator_core.api.shared.cloud_resource import CloudResource
from orchestrator_core.api.shared.encoded import Encoded, answer_with
from orchestrator_core.api.shared.encoding import encode_items
from orchestrator_core.api.v1 import answers, encoding, schemas
from orchestrator_core.broker.ledger.view import LedgerView
from orchestrator_core.clouds.cloud import Cloud, Question
from orchestrator_core.errors import StateUnavailable
from orchestrator_core.model import CloudDescription, Node


@dataclass(frozen=True, slots=True)
class _Shaper:
    """The function that shapes and encodes a list; both take long for a long list."""

    key: str
    shape: Callable[[CloudDescription, Sequence[Any]], list[dict[str, Any]]]

    def __call__(self, cloud: CloudDescription, things: Sequence[Any]) -> Encoded:
        return encoding.encode_list(self.key, encode_items(self.shape, cloud, things))


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a cloud's things.

    Attributes:
        operation: the hook that returns the list.
        key: the key of the list in the answer.
        schema: the schema of one thing in the answer.
    """

    operation: str
    key: str
    schema: type[Schema]


LISTS: Final[Mapping[str, Listing]] = MappingProxyType(
    {
        "/nodes": Listing("list_nodes", "nodes", schemas.NodeSchema),
        "/images": Listing("list_images", "images", schemas.ImageSchema),
        "/sizes": Listing("list_sizes", "flavors", schemas.SizeSchema),
        "/flavors": Listing("list_sizes", "flavors", schemas.SizeSchema),
        "/locations": Listing("list_locations", "locations", schemas.LocationSchema),
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
        shape = _Shaper(listing.key, answers.shaper(listing.schema))
        self._question = Question(listing.operation, shape)

    async def on_get(
        self, req: Request, resp: Response, cloud: str | None = None, **_: str
    ) -> None:
        """Answer with the whole list."""
        asked = self.cloud(cloud)
        kept_for = asked.kept_for(self._question.operation)
        if not kept_for:
            answer_with(resp, (await self.read(req, asked, self._question)).value)
            return
        reading = await self.read(req, asked, self._question, acceptable_age(req))
        tell_age(resp, reading.age, kept_for)
        answer_with(resp, reading.value)


class NodeResource(CloudResource):
    """``GET /nodes/<cloud>/<id>``."""

    async def on_get(
        self, req: Request, resp: Response, cloud: str = "", node_id: str = "", **_: str
    ) -> None:
        """Answer with one node; ``nodes`` is one object, as in the answer to a start."""
        asked = self.cloud(cloud)
        shape = _OneNode(asked, self.services.broker.view)
        question = Question("get_node", shape, {"node": node_id})
        reading = await self.read(req, asked, question)
        resp.data = reading.value


@dataclass(frozen=True, slots=True)
class _OneNode:
    """The function that shapes and encodes one node, as far as the ledger knows more of it."""

    cloud: Cloud
    view_of: Callable[[Cloud], LedgerView]

    def __call__(self, cloud: CloudDescription, node: Node) -> bytes:
        with suppress(StateUnavailable):  # the cloud's own answer needs no database
            node = self.view_of(self.cloud).of(node)
        return encoding.encode({"nodes": answers.shape_node(cloud, node)})
