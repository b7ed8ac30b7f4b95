"""Fast code from the things of clouds to the answers of version 2, made from the schemas."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core.api.shared import encoding
from orchestrator_core.api.shared.encoded import Encoded
from orchestrator_core.api.shared.projection import Projection, View, projection
from orchestrator_core.api.shared.times import when
from orchestrator_core.api.v2 import schemas
from orchestrator_core.api.v2.cursors import Window, cursor_after
from orchestrator_core.broker.ledger.view import LedgerView
from orchestrator_core.broker.ledger.vm import Holder
from orchestrator_core.model import CloudDescription, Node, NodeState
from orchestrator_core.patterns import matches


@dataclass(frozen=True, slots=True)
class Owner:
    """The cloud of the things in an answer."""

    cloud: str
    holders: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, cloud: str, view: LedgerView) -> Owner:
        """Return a cloud with the holders of its VMs."""
        holders = {node: _shape_holder(holder) for node, holder in view.holders.items()}
        return cls(cloud, holders)


def _shape_holder(holder: Holder) -> dict[str, Any]:
    return {
        "assignment": holder.assignment,
        "user": holder.user,
        "application": holder.vm_type,
        "generation": holder.generation,
        "lease_expires_at": when(holder.lease_expires_at),
    }


def _view(schema: type[Schema], **sources: str) -> View:
    own = {name: f"thing.{name}" for name in schema().fields}
    states = {state: state.value for state in NodeState}
    common = {"cloud": "of.cloud", "holders": "of.holders"}
    return View("thing", {**own, "cloud": "cloud", **sources}, common, {"states": states})


PROJECTIONS: Final[Mapping[type[Schema], Projection]] = {
    **{
        kind: projection(kind(), _view(kind))
        for kind in schemas.ThingSchema.__subclasses__()
        if kind is not schemas.NodeSchema
    },
    schemas.NodeSchema: projection(
        schemas.NodeSchema(),
        _view(
            schemas.NodeSchema,
            state="states[thing.state]",
            holder="holders.get(thing.id)",
        ),
    ),
}
"""The code for each schema of a thing."""


def shape_node(owner: Owner, node: Node, *, secrets: bool = False) -> dict[str, Any]:
    """Return one node.

    Args:
        owner: its cloud.
        node: the node.
        secrets: whether to show the values that only the node's creator may see.
    """
    shown = PROJECTIONS[schemas.NodeSchema].one(owner, node)
    if secrets and node.secrets:
        shown["secrets"] = node.secrets
    return shown


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """The encoded answer with a list.

    Attributes:
        body: the answer.
        etag: its entity tag.
        cursor: the cursor of the next page; None after the last.
    """

    body: Encoded
    etag: str
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ListShape:
    """The function that cuts, shapes and encodes a list, in the cloud's threads.

    Attributes:
        cloud: the name of the cloud.
        key: the key of the list in the answer.
        schema: the schema of one thing.
        page: the requested page.
        name: the requested name, with ``*`` for any characters; None for any name.
    """

    cloud: str
    key: str
    schema: type[Schema]
    page: Window
    name: str | None = None

    def __call__(self, _: CloudDescription, things: Sequence[Any]) -> ListAnswer:
        """Return the answer for the whole list of a cloud."""
        if self.name is not None:
            things = [thing for thing in things if matches(thing.name, self.name)]
        things, cursor = cut(self.page, things)
        return encode_things(self.key, self.schema, Owner(self.cloud), things, cursor)


def encode_things(
    key: str, schema: type[Schema], owner: Owner, things: Sequence[Any], cursor: str | None
) -> ListAnswer:
    """Return the answer with a page of a list.

    Args:
        key: the key of the list in the answer.
        schema: the schema of one thing.
        owner: the cloud of the things.
        things: the things of the page.
        cursor: the cursor of the next page; None after the last.
    """
    digest = hashlib.blake2b(digest_size=16)

    def parts() -> Iterator[bytes]:
        for part in encoding.item_parts(PROJECTIONS[schema].many, owner, things):
            digest.update(part)
            yield part

    body = encoding.encode_list({}, key, Encoded(parts()), {"next": cursor})
    digest.update(repr(cursor).encode())
    return ListAnswer(body, f'"{digest.hexdigest()}"', cursor)


def cut(page: Window, things: Sequence[Any]) -> tuple[Sequence[Any], str | None]:
    """Return a page of a list by id, and the cursor of the next one.

    Things that appear or disappear between two requests neither hide nor repeat other things.
    """
    if page.is_whole:
        return things, None
    rest = sorted(things, key=lambda thing: thing.id)
    if page.after is not None:
        rest = [thing for thing in rest if thing.id > page.after]
    shown = rest[: page.limit]
    return shown, cursor_after(shown[-1].id) if len(shown) < len(rest) else None
