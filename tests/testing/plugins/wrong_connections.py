"""Clouds with one fault each in concurrent reads, outages and refused credentials."""

from __future__ import annotations

import threading
import time
from typing import Any

from good_cloud import SERVERS, GoodCloud
from orchestrator_core import (
    CloudUnreachable,
    CredentialsRefused,
    Image,
    Node,
    NodeNotFound,
    PluginContext,
    Size,
    hookimpl,
)


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
        ends_at = time.monotonic() + 0.1  # On a busy machine the other reads come late.
        while self.inside < 2 and time.monotonic() < ends_at:
            time.sleep(0.001)
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
