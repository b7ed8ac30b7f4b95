"""Routes that list what a start can name: images, sizes, networks and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from marshmallow import Schema

from orchestrator_core.api.resource import Request, Response
from orchestrator_core.api.services import Services
from orchestrator_core.api.shared.caching import acceptable_age, tell_age
from orchestrator_core.api.shared.cloud_resource import CloudResource
from orchestrator_core.api.shared.conditional import answer_unchanged, is_unchanged
from orchestrator_core.api.shared.encoded import answer_with
from orchestrator_core.api.v2 import queries, schemas
from orchestrator_core.api.v2.cursors import Window, tell_next, window
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.api.v2.shapes import ListAnswer, ListShape
from orchestrator_core.clouds.cloud import Cloud, Question
from orchestrator_core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a cloud's things.

    Attributes:
        operation: the hook that returns the list.
        schema: the schema of one thing in the answer.
        filters: the parameters with which the cloud filters the list, in the order of the arguments
            of :class:`Driver`'s method after ``limit`` and ``marker``.
    """

    operation: str
    schema: type[Schema]
    filters: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that filter the list; every list can be filtered by name."""
        return self.filters or ("name",)


LISTS: Final[Mapping[str, Listing]] = MappingProxyType(
    {
        "images": Listing("list_images", schemas.ImageSchema, ("name", "owner", "architecture")),
        "sizes": Listing("list_sizes", schemas.SizeSchema),
        "locations": Listing("list_locations", schemas.LocationSchema),
        "keypairs": Listing("list_keypairs", schemas.KeyPairSchema),
        "networks": Listing("list_networks", schemas.NetworkSchema),
        "firewalls": Listing("list_firewalls", schemas.FirewallSchema),
    }
)
"""The lists by the last part of their path, which is also the key in the answer."""


def page_of_cloud(asked: Cloud, operation: str, page: Window) -> dict[str, str | int | None]:
    """Return the parameters for a cloud that can return a page of a list.

    The limit is one more than is shown: the extra item says whether there is a next page.
    """
    if page.limit is None or not asked.pages(operation):
        return {}
    return {"limit": page.limit + 1, "marker": page.after}


class ListResource(CloudResource):
    """``GET /clouds/{cloud}/<list>``.

    Args:
        services: the objects that resources use.
        key: the key of the list.
        listing: the list.
    """

    def __init__(self, services: Services, key: str, listing: Listing) -> None:
        super().__init__(services)
        self._key = key
        self._listing = listing

    async def on_get(self, req: Request, resp: Response, cloud: str = "", **_: str) -> None:
        """Answer with the whole list, or with the page that the query asks for."""
        listing = self._listing
        given = queries.parameters(req, [*listing.parameters, "limit", "cursor"])
        asked = self.cloud(cloud)
        name = None if "name" in listing.filters else given.get("name")
        page = window(given)
        shape = ListShape(asked.name, self._key, listing.schema, page, name)
        filters = {name: given.get(name) for name in listing.filters}
        chosen: dict[str, str | int | None] = {}
        if any(filters.values()):
            part = page_of_cloud(asked, listing.operation, page)
            chosen = {"limit": None, "marker": None, **part, **filters}
        elif name is None:
            chosen = page_of_cloud(asked, listing.operation, page)
        question = Question(listing.operation, shape, chosen)
        await self.answer_list(req, resp, asked, question, given)

    async def answer_list(
        self,
        req: Request,
        resp: Response,
        asked: Cloud,
        question: Question[ListAnswer],
        given: Mapping[str, str],
    ) -> None:
        """Answer with a list, or that the caller has it already."""
        kept_for = asked.kept_for(question.operation)
        try:
            if kept_for:
                reading = await self.read(req, asked, question, acceptable_age(req))
                tell_age(resp, reading.age, kept_for)
            else:
                reading = await self.read(req, asked, question)
        except InvalidParameter as error:
            raise InvalidQuery(error.field, error.reason, others=error.others) from None
        answer = reading.value
        if is_unchanged(req, answer.etag):
            answer_unchanged(resp, answer.etag)
            return
        resp.set_header("ETag", answer.etag)
        tell_next(req, resp, given, answer.cursor)
        answer_with(resp, answer.body)
