"""Clouds with one fault each in lists and single reads."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from typing import Any, ClassVar

from good_cloud import FIREWALLS, FIRST, IMAGES, KEYPAIRS, LOCATIONS, NETWORKS, SIZES, GoodCloud
from orchestrator_core import (
    CloudDescription,
    Firewall,
    Image,
    KeyPair,
    Location,
    Network,
    Node,
    PluginContext,
    Size,
    hookimpl,
)


class CannotBeMade(GoodCloud):
    breaks, says = "C1", "could not be set up (KeyError)"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        settings["region"]


class ListsDicts(GoodCloud):
    breaks = "C1"
    says = "it returned a dict at position 0; return orchestrator_core.Node objects"

    @hookimpl
    def list_nodes(self) -> Any:
        return [{"id": node.id, "name": node.name} for node in super().list_nodes()]


class NumbersItsNodes(GoodCloud):
    breaks, says = "C1", "Node.id is int 1 at position 0; make it str"

    @hookimpl
    def list_nodes(self) -> Any:
        number: Any = 1
        return [replace(node, id=number) for node in super().list_nodes()]


class TellsStatesAsTexts(GoodCloud):
    breaks, says = "C1", "Node.state is str at position 0; make it NodeState.RUNNING"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        running: Any = "running"
        return [replace(node, state=running) for node in super().list_nodes()]


class BlocksInAList(GoodCloud):
    breaks, says = "C1", "list_images blocks"
    slow = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.closed = threading.Event()

    @hookimpl
    def list_images(self) -> list[Image]:
        self.closed.wait()
        return super().list_images()

    @hookimpl
    def close(self) -> None:
        self.closed.set()


class AnotherNameEachTime(GoodCloud):
    breaks, says = "C2", "provider was"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        self.label = secrets.token_hex(4)

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription(self.label, "Good Cloud", "cloud.example.org")


class GivesNoReason(GoodCloud):
    breaks, says = "C3", "list_locations has no reason"
    instead: ClassVar = dict.fromkeys(("C7", "C65"), "unsupported")

    @hookimpl
    def unsupported(self) -> dict[str, str]:
        return {"list_locations": ""}


class ListsANodeTwice(GoodCloud):
    """A cloud whose overlapping pages list a node twice."""

    breaks, says = "C4", "i-0001"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        nodes = super().list_nodes()
        return [*nodes, *(node for node in nodes if node.id == "i-0001")]


class ListsANodeWithoutAName(GoodCloud):
    breaks, says = "C4", "without a name"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return [replace(n, name="") if n.id == "i-0001" else n for n in super().list_nodes()]


class ListsAHostnameAsAddress(GoodCloud):
    breaks, says = "C4", "does not appear to be an IPv4 or IPv6 address"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return [replace(node, public_ips=["node.example.org"]) for node in super().list_nodes()]


class PagesInAnotherOrder(GoodCloud):
    """A cloud whose pages come newest first."""

    breaks, says = "C19", "that is not sorted by id"

    @hookimpl
    def page_nodes(self, limit: int, marker: str | None) -> list[Node]:
        return self.nodes_after(marker)[::-1][:limit]


class PagesNoFurtherThanItsOwnLimit(GoodCloud):
    breaks, says = "C19", "parts of 2"

    @hookimpl
    def page_nodes(self, limit: int, marker: str | None) -> list[Node]:
        return super().page_nodes(min(limit, 2), marker)


class PagesFromAMarkerThatIsThere(GoodCloud):
    breaks, says = "C19", "after"

    @hookimpl
    def page_nodes(self, limit: int, marker: str | None) -> list[Node]:
        is_there = marker is None or marker in self.server.nodes
        return super().page_nodes(limit, marker) if is_there else []


class ListsAnImageTwice(GoodCloud):
    breaks, says = "C5", "img-1"

    @hookimpl
    def list_images(self) -> list[Image]:
        return [*super().list_images(), IMAGES["img-1"]]


class ListsOtherImagesEachTime(GoodCloud):
    breaks, says = "C5", "the first list had"
    asked = 0

    @hookimpl
    def list_images(self) -> list[Image]:
        self.asked += 1
        return [*super().list_images(), Image(f"img-of-answer-{self.asked}", "New")]


class ListsThePageWithoutTheImage(GoodCloud):
    """A cloud that omits the second page, which has an image that the fake names."""

    breaks, says = "C5", "'img-2', which the fake names, is not among images"

    @hookimpl
    def list_images(self) -> list[Image]:
        return super().list_images()[:1]


class HasANegativeSize(GoodCloud):
    breaks, says = "C6", "negative ram in"

    @hookimpl
    def list_sizes(self) -> list[Size]:
        return [*super().list_sizes(), replace(SIZES["s"], id="none", ram=-1)]


class ListsALocationTwice(GoodCloud):
    breaks, says = "C7", "here"

    @hookimpl
    def list_locations(self) -> list[Location]:
        return [*LOCATIONS, LOCATIONS[0]]


class ListsAKeyPairTwice(GoodCloud):
    breaks, says = "C16", "k-2"

    @hookimpl
    def list_keypairs(self) -> list[KeyPair]:
        return [*KEYPAIRS, KEYPAIRS[1]]


class ListsTheAddressOfANetwork(GoodCloud):
    """A cloud that lists a network's gateway with the length of its prefix as its range."""

    breaks, says = "C17", "has host bits set"

    @hookimpl
    def list_networks(self) -> list[Network]:
        return [replace(one, cidr="10.0.0.1/24") for one in NETWORKS]


class MakesUpIdsOfFirewalls(GoodCloud):
    breaks, says = "C18", "the first list had"
    instead: ClassVar = dict.fromkeys(("C64", "C73", "C76"), "fail")

    @hookimpl
    def list_firewalls(self) -> list[Firewall]:
        return [replace(one, id=secrets.token_hex(4)) for one in FIREWALLS]


class NumbersNodesAnewEachTime(GoodCloud):
    """A cloud that numbers its nodes anew in each list, until the first start."""

    breaks, says = "C8", "the first list had"
    asked = 0

    @hookimpl
    def list_nodes(self) -> list[Node]:
        nodes = super().list_nodes()
        if self.server.made > FIRST:
            return nodes
        self.asked += 1
        return [replace(node, id=f"{node.id}-of-{self.asked}") for node in nodes]


class HasOtherNamesAlone(GoodCloud):
    breaks, says = "C9", "in the list"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        node = super().get_node(node_id)
        return replace(node, name=f"{node.name}.example.org")
