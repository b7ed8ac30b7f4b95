"""The typed interface to a cloud's plugin: one method for each hook, with the fallbacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, TypeVar

from orchestrator_core.clouds import console
from orchestrator_core.clouds.living import choose_living, same_node
from orchestrator_core.clouds.named import one_named
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    ImageNotFound,
    InvalidAnswer,
    InvalidParameter,
    NodeNotFound,
    NotFound,
    SizeNotFound,
    Unsupported,
)
from orchestrator_core.model import CloudDescription, Image, ImageFilter, Node, Size
from orchestrator_core.plugins.contract import listed_type, returned_type
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.start_fields import TakenFields
from orchestrator_core.start_request import StartRequest

T = TypeVar("T", Node, Image, Size)
M = TypeVar("M")


PAGES: Final = {"list_nodes": "page_nodes", "list_images": "page_images"}
"""The hooks that return a whole list, each with the hook that returns one page of it."""

_ANY_IMAGE: Final = ImageFilter()

NO_HINTS: Final[Mapping[str, str]] = MappingProxyType({})


_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*")
"""Ids that escaping in a URL does not change (RFC 3986, 2.3), even if a plugin forgets it."""


class Driver:
    """The hooks of one cloud for one call. Every method blocks; call it in that cloud's threads.

    Args:
        hooks: the hooks of the plugin.
        deadline: the deadline of the call.
        hints: the caller's hints for the driver.

    Each method raises :class:`~orchestrator_core.errors.Unsupported` when the plugin does not
    implement the hook, and the errors that the hook's own documentation names.
    """

    __slots__ = ("_hooks", "deadline", "hints")

    def __init__(
        self, hooks: Hooks, deadline: Deadline, hints: Mapping[str, str] = NO_HINTS
    ) -> None:
        self._hooks = hooks
        self.deadline = deadline
        self.hints = hints

    def describe(self) -> CloudDescription:
        """Return the description of this cloud."""
        return self._hooks.one("describe", CloudDescription)

    def check(self) -> None:
        """Check that the cloud can be reached with its credentials."""
        if self._hooks.supports("check"):
            self._hooks.call("check", deadline=self.deadline)
        else:
            self.list_nodes()

    def list_nodes(self, limit: int | None = None, marker: str | None = None) -> Sequence[Node]:
        """Return every node; with a limit, at least the first ones after the marker, by id."""
        return self._part_or_all("list_nodes", Node, limit, marker)

    def list_images(
        self,
        limit: int | None = None,
        marker: str | None = None,
        name: str | None = None,
        owner: str | None = None,
        architecture: str | None = None,
    ) -> Sequence[Image]:
        """Return every image; with a limit, at least the first ones after the marker, by id.

        With a filter, the images that match it; see :class:`ImageFilter`.

        Raises:
            InvalidParameter: for a filter that this cloud does not have.
        """
        filters = ImageFilter(name, owner, architecture)
        if filters == _ANY_IMAGE:
            return self._part_or_all("list_images", Image, limit, marker)
        if self._hooks.takes_argument("list_images", "filters"):
            return self._part_or_all("list_images", Image, limit, marker, filters=filters)
        for field in ("owner", "architecture"):
            if getattr(filters, field) is not None:
                raise InvalidParameter(field, f"{self._hooks.title} does not filter images by it")
        return [one for one in self._many("list_images", Image) if filters.fits(one.name)]

    def read(self, operation: str, *arguments: Any) -> Any:
        """Return the answer of the method of that name, or of a hook that returns a whole list.

        A list needs no method here if it has neither pages nor a fallback: ``list_locations``.
        """
        method = getattr(self, operation, None)
        if method is None:
            return self._many(operation, listed_type(operation))
        return method(*arguments)

    def get_node(self, node_id: str) -> Node:
        """Return one node, from the list if the plugin does not implement ``get_node``.

        An id with a character that has a meaning in a URL is also looked up in the list, if the
        plugin has one. A plugin that forgets to escape such an id gets another node. It may copy
        the requested id into its answer, so the answer would not show the mistake.

        Raises:
            NodeNotFound: when there is no such node.
            InvalidAnswer: when the plugin returns a node with another id.
        """
        listed = self._hooks.supports("list_nodes")
        if self._hooks.supports("get_node") and (_PLAIN_ID.fullmatch(node_id) or not listed):
            node = self._one("get_node", Node, node_id=node_id)
            return self._exactly("get_node", node, node_id)
        return _pick(self.list_nodes(), node_id, NodeNotFound, "node")

    def look_up(self, node_id: str) -> Node:
        """Return one node before it is changed, as :meth:`get_node`.

        Use the list if this particular cloud does not offer ``get_node``.
        """
        reason = self._hooks.reason_against("get_node")
        if reason is not None and self._hooks.supports("list_nodes"):
            return _pick(self.list_nodes(), node_id, NodeNotFound, "node")
        return self.get_node(node_id)

    def find_node(self, marker: str) -> Node:
        """Return the node that was started with a marker."""
        return self._one("find_node", Node, marker=marker)

    def get_image(self, image_id: str) -> Image:
        """Return one image, from the list if the plugin does not implement ``get_image``.

        If the plugin does not list images either, return an image with the unchecked id; the
        plugin then checks the id itself.
        """
        if self._hooks.supports("get_image"):
            image = self._one("get_image", Image, image_id=image_id)
            return self._exactly("get_image", image, image_id)
        if not self._hooks.supports("list_images"):
            return Image(image_id, image_id)
        return _pick(self.list_images(), image_id, ImageNotFound, "image")

    def get_size(self, size_id: str) -> Size:
        """Return one size, with the same fallbacks as :meth:`get_image`."""
        if self._hooks.supports("get_size"):
            size = self._one("get_size", Size, size_id=size_id)
            return self._exactly("get_size", size, size_id)
        if not self._hooks.supports("list_sizes"):
            return Size(size_id, size_id)
        return _pick(self._many("list_sizes", Size), size_id, SizeNotFound, "size")

    def find_image(self, reference: str) -> Image:
        """Return the image with this id or, if there is none, the one image with this name.

        Raises:
            ImageNotFound: when there is no such image.
            InvalidParameter: when several images have the name; the error lists their ids.
        """
        try:
            return self.get_image(reference)
        except ImageNotFound as missing:
            if not self.offers("list_images"):
                raise
            return _named(self.list_images(name=reference), reference, "image", missing)

    def find_size(self, reference: str) -> Size:
        """Return the size with this id or, if there is none, the one size with this name.

        Raises:
            SizeNotFound: when there is no such size.
            InvalidParameter: when several sizes have the name; the error lists their ids.
        """
        try:
            return self.get_size(reference)
        except SizeNotFound as missing:
            if not self.offers("list_sizes"):
                raise
            return _named(self._many("list_sizes", Size), reference, "size", missing)

    def node_named(self, name: str) -> Node:
        """Return the one living node with a name.

        Raises:
            NodeNotFound: when no node has the name.
            NodeTerminated: when only terminated nodes have the name; the error names them.
            InvalidParameter: when several living nodes have the name; the error names them.
        """
        return choose_living((node for node in self.list_nodes() if node.name == name), name)

    def offers(self, hook: str) -> bool:
        """Return whether this cloud has a hook. The first call may block."""
        return self._hooks.reason_against(hook) is None

    def start_fields(self) -> TakenFields:
        """Return how this cloud takes each optional field of a start."""
        return self._hooks.start_fields()

    def start_vm(self, request: StartRequest) -> Node:
        """Create a node."""
        return self._one("start_vm", Node, request=request)

    def act(self, hook: str, node_id: str, arguments: Mapping[str, Any] = NO_HINTS) -> Any:
        """Call a hook that changes a node (``stop_vm``, ``reboot_vm`` ...); return its answer.

        Args:
            hook: the hook's name.
            node_id: the cloud's id of the node.
            arguments: the hook's own arguments, beside the node.
        """
        given = {**arguments, "node_id": node_id, "deadline": self.deadline, "hints": self.hints}
        answer = returned_type(hook)
        if answer is None:
            return self._hooks.call(hook, **given)
        return self._hooks.one(hook, answer, **given)

    def get_console_output(self, node_id: str | None, hostname: str | None = None) -> str:
        """Return the end of what a node has written to its console, without secrets.

        Args:
            node_id: the cloud's id of the node; None for a node that is named by its hostname.
            hostname: the node's name.

        Raises:
            NodeNotFound: when there is no such node.
            InvalidParameter: when the name is that of another node, or of several.
        """
        self.require("get_console_output")
        given = {"deadline": self.deadline, "hints": self.hints}
        wanted = self._id_of(node_id, hostname)
        return console.shown(self._hooks.one("get_console_output", str, node_id=wanted, **given))

    def _id_of(self, node_id: str | None, hostname: str | None) -> str:
        """Return the id of a node that is read alone.

        As in :meth:`get_node`, an id with a character that has a meaning in a URL is looked up
        first: a plugin that forgets to escape it would return what belongs to another node.
        """
        if hostname is not None:
            return same_node(node_id, self.node_named(hostname)).id
        assert node_id is not None
        return node_id if _PLAIN_ID.fullmatch(node_id) else self.look_up(node_id).id

    def require(self, hook: str) -> None:
        """Check that the plugin implements a hook, before anything else is done for the operation.

        Raises:
            Unsupported: when the plugin does not implement the hook.
        """
        self._hooks.require(hook)

    def _exactly(self, hook: str, thing: T, wanted: str) -> T:
        """Return a plugin's answer if it has the requested id.

        Raises:
            InvalidAnswer: when the answer has another id.
        """
        if thing.id != wanted:
            raise InvalidAnswer(
                f"{self._hooks.title} was asked for {wanted!r} in {hook} and returned {thing.id!r}"
            )
        return thing

    def _one(self, hook: str, expected: type[M], **arguments: Any) -> M:
        arguments |= {"deadline": self.deadline, "hints": self.hints}
        return self._hooks.one(hook, expected, **arguments)

    def _part_or_all(
        self, hook: str, expected: type[M], limit: int | None, marker: str | None, **chosen: Any
    ) -> Sequence[M]:
        """Return a part of a list, or the whole list.

        Args:
            hook: the hook of the whole list.
            expected: the type of an item.
            limit: the number of wanted items; None for the whole list.
            marker: the id after which the part begins.
            chosen: the filters, which the hook of the whole list takes.
        """
        part = PAGES[hook]
        is_taken = all(self._hooks.takes_argument(part, name) for name in chosen)
        if limit is not None and is_taken and self._hooks.offers(part):
            given = {"limit": limit, "marker": marker, "deadline": self.deadline, **chosen}
            try:
                found = self._hooks.many(part, expected, **given, hints=self.hints)
            except Unsupported:
                self._hooks.decline(part)
            else:
                return self._ordered(part, found, marker)
        return self._many(hook, expected, **chosen)

    def _ordered(self, hook: str, things: Sequence[M], marker: str | None) -> Sequence[M]:
        """Return a page of a list if it is sorted by id and begins after its marker.

        Raises:
            InvalidAnswer: when it is not; callers that read page after page would miss items.
        """
        ids = [getattr(thing, "id") for thing in things]  # noqa: B009 - each class here has one
        begins = [marker] if marker is not None else []
        if any(later <= earlier for earlier, later in pairwise([*begins, *ids])):
            raise InvalidAnswer(
                f"{self._hooks.title} returned a part in {hook} that is not sorted by id"
            )
        return things

    def _many(self, hook: str, expected: type[M], **arguments: Any) -> Sequence[M]:
        return self._hooks.many(
            hook, expected, **arguments, deadline=self.deadline, hints=self.hints
        )


def _named(things: Sequence[T], name: str, field: str, missing: NotFound) -> T:
    if not any(thing.name == name for thing in things):
        raise missing
    return one_named(things, name, field, field)


def _pick(things: Sequence[T], wanted: str, missing: type[NotFound], noun: str) -> T:
    for thing in things:
        if thing.id == wanted:
            return thing
    raise missing(f"There is no {noun} {wanted!r}")
