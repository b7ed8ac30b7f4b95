"""The typed way into a cloud's plugin: one method for each hook, and the fallbacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, TypeVar

from orchestrator_core.clouds.living import choose_living
from orchestrator_core.deadline import Deadline
from orchestrator_core.errors import (
    ImageNotFound,
    NodeNotFound,
    NonsenseAnswer,
    NotFound,
    SizeNotFound,
    Unsupported,
)
from orchestrator_core.model import CloudDescription, Image, Location, Node, Size, StartRequest
from orchestrator_core.plugins.hooks import Hooks

T = TypeVar("T", Node, Image, Size)
M = TypeVar("M")


PAGES: Final = {"list_nodes": "page_nodes", "list_images": "page_images"}
"""A hook that returns a whole list to the one that returns a part of it."""

NO_HINTS: Final[Mapping[str, str]] = MappingProxyType({})


_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*")
"""Ids that mean the same whether or not a plugin escapes them in a URL (RFC 3986, 2.3)."""


class Driver:
    """One cloud's hooks for one call. Every method blocks; call it in that cloud's threads.

    Args:
        hooks: the plugin's.
        deadline: the call's.
        hints: what the caller wants this driver to know.

    Each method raises :class:`~orchestrator_core.errors.Unsupported` when the plugin does not
    implement the hook, and what the hook's own documentation says.
    """

    __slots__ = ("_hooks", "deadline", "hints")

    def __init__(
        self, hooks: Hooks, deadline: Deadline, hints: Mapping[str, str] = NO_HINTS
    ) -> None:
        self._hooks = hooks
        self.deadline = deadline
        self.hints = hints

    def describe(self) -> CloudDescription:
        """What this cloud is."""
        return self._hooks.one("describe", CloudDescription)

    def check(self) -> None:
        """Whether the cloud can be reached with these credentials."""
        if self._hooks.supports("check"):
            self._hooks.call("check", deadline=self.deadline)
        else:
            self.list_nodes()

    def list_nodes(self, limit: int | None = None, marker: str | None = None) -> Sequence[Node]:
        """Every node; with a limit at least the first ones after the marker, by id."""
        return self._part_or_all("list_nodes", Node, limit, marker)

    def list_images(self, limit: int | None = None, marker: str | None = None) -> Sequence[Image]:
        """Every image; with a limit at least the first ones after the marker, by id."""
        return self._part_or_all("list_images", Image, limit, marker)

    def list_sizes(self) -> Sequence[Size]:
        """Every size."""
        return self._many("list_sizes", Size)

    def list_locations(self) -> Sequence[Location]:
        """Every location."""
        return self._many("list_locations", Location)

    def get_node(self, node_id: str) -> Node:
        """Return one node, from the list where the plugin cannot get one alone.

        An id with a character that has a meaning in a URL is looked up in the list too, where there
        is one. A plugin that forgets to escape it gets another node, and may write the id that it
        was asked for into its answer: then the answer does not show the mistake.

        Raises:
            NodeNotFound: when there is none.
            NonsenseAnswer: when the plugin returns a node with another id.
        """
        listed = self._hooks.supports("list_nodes")
        if self._hooks.supports("get_node") and (_PLAIN_ID.fullmatch(node_id) or not listed):
            node = self._one("get_node", Node, node_id=node_id)
            return self._exactly("get_node", node, node_id)
        return _pick(self.list_nodes(), node_id, NodeNotFound, "node")

    def look_up(self, node_id: str) -> Node:
        """Return one node before it is changed, as :meth:`get_node`.

        It asks the list where this one cloud cannot get a node alone.
        """
        reason = self._hooks.reason_against("get_node")
        if reason is not None and self._hooks.supports("list_nodes"):
            return _pick(self.list_nodes(), node_id, NodeNotFound, "node")
        return self.get_node(node_id)

    def find_node(self, marker: str) -> Node:
        """The node that was started with this marker."""
        return self._one("find_node", Node, marker=marker)

    def get_image(self, image_id: str) -> Image:
        """One image, from the list where the plugin cannot get one alone.

        A plugin that knows no images at all is handed the id as it came, to judge for itself.
        """
        if self._hooks.supports("get_image"):
            image = self._one("get_image", Image, image_id=image_id)
            return self._exactly("get_image", image, image_id)
        if not self._hooks.supports("list_images"):
            return Image(image_id, image_id)
        return _pick(self.list_images(), image_id, ImageNotFound, "image")

    def get_size(self, size_id: str) -> Size:
        """One size, from the list where the plugin cannot get one alone; as for images."""
        if self._hooks.supports("get_size"):
            size = self._one("get_size", Size, size_id=size_id)
            return self._exactly("get_size", size, size_id)
        if not self._hooks.supports("list_sizes"):
            return Size(size_id, size_id)
        return _pick(self.list_sizes(), size_id, SizeNotFound, "size")

    def node_named(self, name: str) -> Node:
        """Return the one living node of that name.

        Raises:
            NodeNotFound: when there is none.
            NodeTerminated: when only nodes that have ended had that name; it names them.
            InvalidParameter: when there are several; it names them.
        """
        return choose_living((node for node in self.list_nodes() if node.name == name), name)

    def start_vm(self, request: StartRequest) -> Node:
        """Create a node."""
        return self._one("start_vm", Node, request=request)

    def act(self, hook: str, node_id: str) -> None:
        """Do to a node what the hook's name says: ``stop_vm``, ``reboot_vm`` ..."""
        self._hooks.call(hook, node_id=node_id, deadline=self.deadline, hints=self.hints)

    def require(self, hook: str) -> None:
        """Find out that an operation is not offered before anything else is done for it.

        Raises:
            Unsupported: when the plugin does not implement it.
        """
        self._hooks.require(hook)

    def _exactly(self, hook: str, thing: T, wanted: str) -> T:
        """Return what a plugin gave, if it is what it was asked for.

        Raises:
            NonsenseAnswer: when it has another id.
        """
        if thing.id != wanted:
            raise NonsenseAnswer(
                f"{self._hooks.title} was asked for {wanted!r} in {hook} and gave {thing.id!r}"
            )
        return thing

    def _one(self, hook: str, expected: type[M], **arguments: Any) -> M:
        arguments |= {"deadline": self.deadline, "hints": self.hints}
        return self._hooks.one(hook, expected, **arguments)

    def _part_or_all(
        self, hook: str, expected: type[M], limit: int | None, marker: str | None
    ) -> Sequence[M]:
        part = PAGES[hook]
        if limit is not None and self._hooks.offers(part):
            given = {"limit": limit, "marker": marker, "deadline": self.deadline}
            try:
                found = self._hooks.many(part, expected, **given, hints=self.hints)
            except Unsupported:
                self._hooks.decline(part)
            else:
                return self._ordered(part, found, marker)
        return self._many(hook, expected)

    def _ordered(self, hook: str, things: Sequence[M], marker: str | None) -> Sequence[M]:
        """Return a part of a list, if it goes by id and begins after its marker.

        Raises:
            NonsenseAnswer: when it does not: callers who walk through the list would miss items.
        """
        ids = [getattr(thing, "id") for thing in things]  # noqa: B009 - each class here has one
        begins = [marker] if marker is not None else []
        if any(later <= earlier for earlier, later in pairwise([*begins, *ids])):
            raise NonsenseAnswer(f"{self._hooks.title} gave a part in {hook} that is not by id")
        return things

    def _many(self, hook: str, expected: type[M]) -> Sequence[M]:
        return self._hooks.many(hook, expected, deadline=self.deadline, hints=self.hints)


def _pick(things: Sequence[T], wanted: str, missing: type[NotFound], noun: str) -> T:
    for thing in things:
        if thing.id == wanted:
            return thing
    raise missing(f"There is no {noun} {wanted!r}")
