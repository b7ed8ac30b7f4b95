"""Clouds with one fault each in reads."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import unquote

from good_cloud import (
    FIREWALLS,
    FIRST,
    IMAGES,
    KEYPAIRS,
    LOCATIONS,
    NETWORKS,
    SERVERS,
    SIZES,
    GoodCloud,
    seen_by_a_server,
)
from orchestrator_core import (
    CloudDescription,
    CloudUnreachable,
    CredentialsRefused,
    Firewall,
    Image,
    InvalidParameter,
    KeyPair,
    Location,
    Network,
    Node,
    NodeNotFound,
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


class CallsAMissingNodeAWrongParameter(GoodCloud):
    breaks, says = "C10", "invalid_parameter"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        if node_id not in self.server.nodes:
            raise InvalidParameter("node", f"{node_id!r} is no id of a node")
        return super().get_node(node_id)


class TakesTheBeginningOfAnId(GoodCloud):
    breaks, says = "C10", "expected 400"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        for node in super().list_nodes():
            if node.id.startswith(node_id):
                return node
        return super().get_node(node_id)


class TakesAnIdInAnyCase(GoodCloud):
    breaks, says = "C10", "expected 400"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return super().get_node(node_id.lower())


class SharesItsBuffer(GoodCloud):
    """A cloud in which concurrent reads share a buffer, so that one gets the other's answer."""

    breaks, says = "C11", "was asked for"
    wanted = ""
    inside = 0
    lock = threading.Lock()

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        if self.found(node_id).name.endswith("many"):
            return super().get_node(node_id)  # Concurrent stops read these.
        with self.lock:
            self.inside += 1
            self.wanted = node_id
        time.sleep(0.01)
        wanted = self.wanted
        with self.lock:
            self.inside -= 1
        return super().get_node(wanted)


class HasOneConnectionForAll(GoodCloud):
    """A cloud whose threads share one connection, which fails while another thread uses it."""

    breaks, says = "C11", "expected 200"
    busy = False

    @hookimpl
    def list_images(self) -> list[Image]:
        self.busy = True
        time.sleep(0.02)
        self.busy = False
        return super().list_images()

    @hookimpl
    def list_sizes(self) -> list[Size]:
        time.sleep(0.01)
        if self.busy:
            raise CredentialsRefused("The session is in use")
        return super().list_sizes()


class IsEmptyWhenUnreachable(GoodCloud):
    breaks, says = "C12", "answered 200"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return super().list_nodes() if self.where in SERVERS else []


class HasLostItsNodesWhenUnreachable(GoodCloud):
    breaks, says = "C12", "node_not_found"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        if self.where not in SERVERS:
            raise NodeNotFound(f"There is no node {node_id!r}")
        return super().get_node(node_id)


class ConnectsWhenItIsMade(GoodCloud):
    """A cloud that connects in its constructor, and stays unusable after an outage."""

    breaks, says = "C12", "cannot be configured"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        super().__init__(context, settings)
        if self.where not in SERVERS:
            raise CloudUnreachable("The cloud cannot be reached")


class ChecksTheCredentialsAlone(GoodCloud):
    breaks, says = "C12", "DID NOT RAISE"

    @hookimpl
    def check(self) -> None:
        if self.where in SERVERS:
            super().check()


class CallsARefusalUnreachable(GoodCloud):
    breaks, says = "C13", "cloud_unreachable"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        try:
            return super().list_nodes()
        except CredentialsRefused:
            raise CloudUnreachable("The cloud cannot be reached") from None


class ChecksOnlyWhetherSomebodyAnswers(GoodCloud):
    breaks, says = "C13", "DID NOT RAISE"

    @hookimpl
    def check(self) -> None:
        if self.where not in SERVERS:
            raise CloudUnreachable("The cloud cannot be reached")


class ChecksWhatItMayNot(GoodCloud):
    """A cloud whose check needs more permissions than its other hooks."""

    breaks, says = "C14", "Only administrators may ask this"

    @hookimpl
    def check(self) -> None:
        super().check()
        raise CredentialsRefused("Only administrators may ask this")


class PutsAnIdIntoAUrl(GoodCloud):
    """A cloud that puts an id into a URL unescaped, so that the server parses it."""

    breaks, says = "C15", "get_node must refuse the id"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return super().get_node(seen_by_a_server(node_id))


class WritesTheIdItWasAskedFor(GoodCloud):
    """A cloud that puts an id into a URL unescaped, and copies it into its answer."""

    breaks, says = "C15", "it accepted the id"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return replace(super().get_node(seen_by_a_server(node_id)), id=node_id)


class PutsAnImagesIdIntoAUrl(GoodCloud):
    breaks, says = "C15", "get_image must refuse the id"

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        return super().get_image(seen_by_a_server(image_id))


class PutsASizesIdIntoAUrl(GoodCloud):
    breaks, says = "C15", "get_size must refuse the id"

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        return super().get_size(seen_by_a_server(size_id))


class DecodesAnIdTwice(GoodCloud):
    """A cloud whose ids are escaped once, and decoded by the server and by its framework."""

    breaks, says = "C15", "get_node must refuse the id"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return super().get_node(unquote(node_id))
