"""Clouds that lose nodes, reveal secrets, or fail in unexpected ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import good_cloud
from good_cloud import GoodCloud
from orchestrator_core import (
    CloudError,
    CloudUnreachable,
    Conflict,
    Node,
    NodeNotFound,
    StartRequest,
    hookimpl,
)

if TYPE_CHECKING:  # The kit is installed with the tests only.
    from orchestrator_core.testing import Fake, Stage


class FindsNothing(GoodCloud):
    breaks, says = "C50", "the node was not found"
    instead: ClassVar = {"C84": "unsupported"}

    @hookimpl
    def find_node(self, marker: str) -> Node:
        raise NodeNotFound("No node carries this marker")


class FindsByItsNameAlone(GoodCloud):
    """A cloud that finds the last node when no node has the wanted marker."""

    breaks, says = "C51", "the start must fail"

    @hookimpl
    def find_node(self, marker: str) -> Node:
        nodes = super().list_nodes()
        return next((node for node in nodes if node.marker == marker), nodes[-1])


class FindsNone(GoodCloud):
    """A cloud that returns None for an unknown marker, which is not a valid answer."""

    breaks, says = "C51", "must have an outcome"
    slow = True

    @hookimpl
    def find_node(self, marker: str) -> Any:
        try:
            return super().find_node(marker)
        except NodeNotFound:
            return None


class ListsNoMarkers(GoodCloud):
    breaks, says = "C54", "the node was not found"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return [replace(node, marker=None) for node in super().list_nodes()]

    @hookimpl
    def find_node(self, marker: str) -> Node:
        for node in self.server.nodes.values():
            if node.marker == marker:
                return replace(node)
        raise NodeNotFound("No node carries this marker")


class TellsThePasswordInAnError(GoodCloud):
    breaks, says = "C52", "a secret of the settings appears in"

    def found(self, node_id: str) -> Node:
        if node_id not in self.server.nodes:
            where = f"https://admin:{self.password.reveal()}@cloud.example.org"
            raise NodeNotFound(f"There is no node {node_id!r} at {where}")
        return super().found(node_id)


class TellsThePasswordWhenUnreachable(GoodCloud):
    breaks, says = "C52", "a secret of the settings appears in"

    @property
    def server(self) -> Any:
        try:
            return super().server
        except CloudUnreachable:
            raise CloudUnreachable(f"No answer to {self.password.reveal()}") from None


class ShowsThePasswordInItsNodes(GoodCloud):
    breaks, says = "C52", "a secret of the settings appears in"

    def make(self, request: StartRequest) -> Node:
        node = super().make(request)
        node.extra["used"] = self.password.reveal()
        return node


class FailsAtTheFirstLook(GoodCloud):
    breaks, says = "C53", "in find_node: KeyError"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.cache: dict[str, str] = {}

    @hookimpl
    def find_node(self, marker: str) -> Node:
        if not self.cache:
            self.cache["warm"] = "by now"
            return self.found(self.cache[marker])
        return super().find_node(marker)


class FailsAtTheEnd(GoodCloud):
    breaks, says = "C53", "in close: AttributeError"

    @hookimpl
    def close(self) -> None:
        self.password.session.close()  # type: ignore[attr-defined]  # that is what is wrong


@contextmanager
def real(stage: Stage) -> Iterator[Fake]:
    """Return a fake that is set up like a real cloud."""
    with good_cloud.fake(stage) as fake:
        yield replace(fake, settings={**fake.settings, "visibility_timeout": fake.settle})


class KeepsWhatHasAKey(GoodCloud):
    """A cloud that protects nodes with a key from being destroyed."""

    breaks, says = "L1", "must disappear"
    live = True
    fake = "wrong_recovery:real"

    def make(self, request: StartRequest) -> Node:
        node = super().make(request)
        if request.keyname is not None:
            node.extra["protected"] = True
        return node

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        if not self.found(node_id).extra:
            super().stop_vm(node_id)


class CannotTellOfWhatItRefused(GoodCloud):
    breaks, says = "L2", "these may have created nodes"
    live = True
    fake = "wrong_recovery:real"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.refused: set[str | None] = set()

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        if "/" in request.name:
            self.refused.add(request.marker)
            raise Conflict("The name is taken")
        return super().start_vm(request)

    @hookimpl
    def find_node(self, marker: str) -> Node:
        if marker in self.refused:
            raise CloudError("The cloud answered with an error")
        return super().find_node(marker)
