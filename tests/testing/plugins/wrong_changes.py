"""Clouds with one fault each in starting or destroying nodes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import good_cloud
from good_cloud import IMAGES, SIZES, GoodCloud, seen_by_a_server
from orchestrator_core import (
    CloudError,
    Image,
    InvalidParameter,
    Node,
    NodeNotFound,
    Size,
    StartRequest,
    hookimpl,
)

if TYPE_CHECKING:  # The kit is installed with the tests only.
    from orchestrator_core.testing import Fake, Stage

PAGE = 20


@contextmanager
def long_list(stage: Stage) -> Iterator[Fake]:
    """Return a fake cloud with more nodes than one page holds."""
    with good_cloud.fake(stage) as fake:
        yield replace(fake, many=PAGE + 4)


class AnswersWithTheNameThatWasWanted(GoodCloud):
    """A cloud that answers with the requested name and uses another one."""

    breaks, says = "C20", "listed"

    def make(self, request: StartRequest) -> Node:
        return super().make(replace(request, name=f"{request.name}-x"))

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        return replace(self.make(request), name=request.name)


class AnswersBeforeTheCloudHasNamedIt(GoodCloud):
    breaks, says = "C20", "without a name"

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        return replace(super().start_vm(request), name="")


class CountsWithoutALock(GoodCloud):
    breaks, says = "C21", "starts made"

    def new_id(self, request: StartRequest) -> str:
        made = self.server.made + 1
        if request.name.endswith("together"):
            time.sleep(0.05)
        self.server.made = made
        return f"i-{made:04d}"


class ListsOnePage(GoodCloud):
    breaks, says = "C21", "must appear in the list of nodes"
    fake = "wrong_changes:long_list"

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return super().list_nodes()[:PAGE]


class TakesAnyImage(GoodCloud):
    breaks, says = "C22", "expected 400"

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        return IMAGES.get(image_id) or Image(image_id, image_id)


class TakesAnySize(GoodCloud):
    breaks, says = "C23", "expected 400"

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        return SIZES.get(size_id) or Size(size_id, size_id)


class StartsAndThenRefusesTheSize(GoodCloud):
    """A cloud that checks the size after it has created the node."""

    breaks, says = "C23", "the start was refused, but"

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        return SIZES.get(size_id) or Size(size_id, size_id)

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        node = super().start_vm(request)
        if request.size.id not in SIZES:
            raise InvalidParameter("size", f"There is no size {request.size.id!r}")
        return node


class DiesOfAKey(GoodCloud):
    breaks, says = "C24", "502"

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        if request.keyname is not None and request.name.endswith("options"):
            raise CloudError("The cloud answered with an error")
        return super().start_vm(request)


class RefusesMetadataTooLate(GoodCloud):
    """A cloud that refuses metadata after it has created the node."""

    breaks, says = "C24", "these nodes were started"

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        node = super().start_vm(request)
        if request.metadata is not None and request.name.endswith("options"):
            raise InvalidParameter("metadata", "is not taken by this cloud")
        return node


class DiesOfALongName(GoodCloud):
    breaks, says = "C25", "502"

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        if len(request.name) > 64:
            raise CloudError("The cloud answered with an error")
        return super().start_vm(request)


class DiesOfAForeignName(GoodCloud):
    breaks, says = "C25", "502"

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        if not request.name.isascii():
            raise CloudError("The cloud answered with an error")
        return super().start_vm(request)


class ShowsTheMarker(GoodCloud):
    breaks, says = "C26", "the marker appears in"

    def make(self, request: StartRequest) -> Node:
        node = super().make(request)
        node.extra["tags"] = {"orchestrator": request.marker}
        return node


class ShowsTheMarkerAlone(GoodCloud):
    """A cloud that shows the marker in a single node, and not in the list."""

    breaks, says = "C26", "the marker appears in"

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        node = super().get_node(node_id)
        return replace(node, extra={"token": node.marker})


class DestroysTheOneBeforeToo(GoodCloud):
    """A cloud that also destroys the previous node, if that has another name."""

    breaks, says = "C27", "destroyed"

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        stopped = self.found(node_id)
        super().stop_vm(node_id)
        if node_id[2:].isdigit():
            before = self.server.nodes.get(f"i-{int(node_id[2:]) - 1:04d}")
            if before is not None and before.name != stopped.name:
                super().stop_vm(before.id)


class ChangesNames(GoodCloud):
    """A cloud that lists a node under another name each time."""

    breaks, says = "C28", "There is no node with the hostname"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.shown: Counter[str] = Counter()

    @hookimpl
    def list_nodes(self) -> list[Node]:
        nodes = super().list_nodes()
        self.shown.update(node.id for node in nodes)
        return [replace(node, name=f"{node.name}-{self.shown[node.id]}") for node in nodes]


class DestroysWhatIsNotThere(GoodCloud):
    breaks, says = "C29", "it accepted the id"
    instead: ClassVar = {"C34": "fail"}

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        self.server.nodes.pop(node_id, None)


class CallsWhatIsNotThereAWrongParameter(GoodCloud):
    breaks, says = "C29", "invalid_parameter"

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        if node_id not in self.server.nodes:
            raise InvalidParameter("node", f"{node_id!r} is no id of a node")
        super().stop_vm(node_id)


class WritesItsListBack(GoodCloud):
    """A cloud in which the second of two concurrent stops restores the first one's node."""

    breaks, says = "C30", "must disappear"

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        self.found(node_id)
        left = {key: node for key, node in list(self.server.nodes.items()) if key != node_id}
        time.sleep(0.03)
        self.server.nodes = left


class DestroysByTheBeginning(GoodCloud):
    breaks, says = "C31", "destroyed"

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        for known in [key for key in self.server.nodes if key.startswith(node_id)]:
            super().stop_vm(known)
            return
        raise NodeNotFound(f"There is no node {node_id!r}")


class DestroysInAnyCase(GoodCloud):
    breaks, says = "C31", "destroyed"

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        super().stop_vm(node_id.lower())


class MakesIdsOfNames(GoodCloud):
    """A cloud that makes ids from some names, so that an id comes back with its name."""

    breaks, says = "C32", "was already the id of another node"

    def new_id(self, request: StartRequest) -> str:
        if request.name.endswith("again"):
            return f"i-{request.name}"
        return super().new_id(request)


class RemembersNodesTooLong(GoodCloud):
    breaks, says = "C33", "must no longer be found"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.cache: dict[str, Node] = {}

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        if node_id in self.server.nodes:
            self.cache[node_id] = super().get_node(node_id)
        if node_id in self.cache:
            return self.cache[node_id]
        raise NodeNotFound(f"There is no node {node_id!r}")


class PutsTheIdOfAStopIntoAUrl(GoodCloud):
    breaks, says = "C34", "stop_vm must refuse the id"

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        super().stop_vm(seen_by_a_server(node_id))


class BlocksInAStop(GoodCloud):
    """A cloud whose stop_vm blocks until the deadline, in each behaviour that stops a node."""

    breaks, says = "C21", "stop_vm blocks"
    slow = True
    instead: ClassVar = dict.fromkeys(
        ("C27", "C28", "C29", "C30", "C31", "C32", "C33", "C34"), "not run"
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.closed = threading.Event()

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        self.closed.wait()

    @hookimpl
    def close(self) -> None:
        self.closed.set()
