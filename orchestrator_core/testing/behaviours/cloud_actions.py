"""Behaviours C80 to C99: resizes, renames, images of nodes, and console output."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.model import Node, Size
from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.api import V2, Json
from orchestrator_core.testing.targets.cloud import RUNNING, STOPPED, UNKNOWN, CloudUnderTest
from orchestrator_core.testing.targets.target import DoesNotApply, expect

_NO: Final = "no-such-thing"
_WORKER: Final = 10.0
"""Seconds that the durable worker may need on a slow machine."""

_ENDED: Final = ("succeeded", "failed", "paused")


class BaseCloudActions(BaseCloudReady):
    """The behaviours of resizes, renames, images of nodes, and console output."""

    @behaviour("C80", "resize_vm", "list_nodes", "list_sizes")
    def test_resize(self, cloud: CloudUnderTest) -> None:
        """A resized node keeps its id, and the resize comes to its end.

        The state of a node may forbid a resize (``Conflict``); then it is made with the node
        powered off. If the cloud waits for a confirmation, ``confirm_resize`` gives it.
        """
        node_id, size = cloud.some_node(), _other_size(cloud)
        cloud.wait_for_state(node_id, RUNNING, UNKNOWN)
        answer = cloud.act(node_id, "resize", {"size": size})
        if answer.error_code == "conflict" and cloud.operations()["power_off_vm"]["supported"]:
            expect(cloud.api.put("/vm/action/poweroff/cloud", {"node": node_id}), 200)
            cloud.wait_for_state(node_id, STOPPED)
            answer = cloud.act(node_id, "resize", {"size": size})
        expect(answer, 200)
        operation = _ended(cloud, "resize_vm", node_id)
        assert operation["state"] == "succeeded", f"the resize must succeed: {operation}"
        cloud.wait_until_listed(node_id)

    @behaviour("C81", "resize_vm")
    def test_resize_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A resize of an unknown node is refused with a message that names it.

        The error must be ``NodeNotFound``, as for a stop.
        """
        cloud.has_none("resize_vm", _NO, size=_some_size(cloud))

    @behaviour("C82", "rename_vm", "list_nodes")
    def test_rename(self, cloud: CloudUnderTest) -> None:
        """A renamed node is listed with its new name, and no other node is renamed.

        A caller names a node by its name, so that a wrong one would be changed next.
        """
        other = cloud.some_node()
        node_id = cloud.some_node(other)
        before, name = cloud.nodes()[other]["name"], f"{cloud.subject.prefix}-renamed"
        expect(cloud.act(node_id, "rename", {"name": name}), 200)
        shown = f"node {node_id!r} must be listed with the name {name!r}"
        cloud.wait_for(cloud.nodes, lambda nodes: nodes[node_id]["name"] == name, shown)
        alone = expect(cloud.api.get(f"/nodes/cloud/{quote(node_id, safe='')}"), 200)["nodes"]
        assert alone["name"] == name, f"by itself, the node has the name {alone['name']!r}"
        after = cloud.nodes()[other]["name"]
        assert after == before, f"node {other!r} was {before!r} and is {after!r}"

    @behaviour("C83", "rename_vm")
    def test_rename_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A rename of an unknown node is refused with a message that names it.

        The error must be ``NodeNotFound``, as for a stop.
        """
        cloud.has_none("rename_vm", _NO, name=f"{cloud.subject.prefix}-nothing")

    @behaviour("C84", "rename_vm", "start_vm", "find_node", "get_node")
    def test_rename_keeps_the_marker(self, cloud: CloudUnderTest) -> None:
        """A renamed node keeps the marker of its start.

        A driver that stores the marker in the name would otherwise lose it, and the node would
        look like one that this server did not start.
        """
        node_id = cloud.start("marked")["id"]
        marker = _node(cloud, node_id).marker
        if _found(cloud, marker) != node_id:
            raise DoesNotApply("the node is not found by its marker before it is renamed")
        name = f"{cloud.subject.prefix}-marked-again"
        expect(cloud.act(node_id, "rename", {"name": name}), 200)
        after = _node(cloud, node_id).marker
        assert after == marker, "the node has lost its marker"
        assert _found(cloud, marker) == node_id, "the node is not found by its marker any more"

    @behaviour("C85", "create_image", "list_images")
    def test_create_image(self, cloud: CloudUnderTest) -> None:
        """An image of a node is a new one, and the list of images shows it under its name.

        A user wants to start more VMs like a prepared one. The node stays.
        """
        if cloud.subject.live:
            raise DoesNotApply("a live run makes nothing that it cannot delete again")
        node_id, name = cloud.some_node(), f"{cloud.subject.prefix}-image"
        before = {image["id"] for image in cloud.listed("images")}
        image = expect(cloud.act(node_id, "create_image", {"name": name}), 200)["image"]
        assert image["id"] not in before, f"image {image['id']!r} existed before"
        assert image["name"] == name, f"the image has the name {image['name']!r}"

        def names() -> dict[str, str]:
            return {one["id"]: one["name"] for one in cloud.listed("images")}

        shown = f"image {image['id']!r} must be listed with the name {name!r}"
        cloud.wait_for(names, lambda seen: seen.get(image["id"]) == name, shown)
        cloud.wait_until_listed(node_id)

    @behaviour("C86", "create_image")
    def test_image_of_nothing(self, cloud: CloudUnderTest) -> None:
        """An image of an unknown node is refused with a message that names it.

        The error must be ``NodeNotFound``, as for a stop.
        """
        cloud.has_none("create_image", _NO, name=f"{cloud.subject.prefix}-nothing")

    @behaviour("C87", "get_console_output")
    def test_console(self, cloud: CloudUnderTest) -> None:
        """The console output of a node is a text, which is empty if there is none yet.

        A caller reads it to see why a node does not start.
        """
        node_id = cloud.some_node()
        path = f"{V2}/clouds/cloud/nodes/{quote(node_id, safe='')}/console"
        output = expect(cloud.api.get(path), 200)["output"]
        assert isinstance(output, str), f"the output is {type(output).__name__}"

    @behaviour("C88", "get_console_output")
    def test_console_of_nothing(self, cloud: CloudUnderTest) -> None:
        """The console output of an unknown node is refused with a message that names it.

        The error must be ``NodeNotFound``, as for a stop.
        """
        cloud.has_none("get_console_output", _NO)

    @behaviour("C89", "list_nodes")
    def test_ids_that_a_url_changes_in_actions(self, cloud: CloudUnderTest) -> None:
        """Resizes, renames, images and console output take an id unchanged.

        This is checked for ``resize_vm``, ``rename_vm``, ``create_image`` and
        ``get_console_output``, if the plugin has them, as C47 is for power changes.
        """
        node_id = cloud.some_node()
        named = {"name": f"{cloud.subject.prefix}-strange"}
        hooks: dict[str, Json] = {
            "resize_vm": {"size": _some_size(cloud)},
            "rename_vm": named,
            "create_image": named,
            "get_console_output": {},
        }
        offered = [hook for hook in hooks if cloud.operations()[hook]["supported"]]
        if not offered:
            raise DoesNotApply("the cloud has none of these hooks")
        for hook in offered:
            for strange in cloud.strange(node_id):
                cloud.takes_none(hook, hooks[hook], node_id=strange)


def _some_size(cloud: CloudUnderTest) -> Size:
    size = cloud.start_body()["size"]
    return Size(size, size)


def _other_size(cloud: CloudUnderTest) -> str:
    """Return the id of a size that a start of the kit does not have.

    Raises:
        DoesNotApply: There is only one size, or the cloud is real and the size may cost money.
    """
    if cloud.subject.live:
        raise DoesNotApply("a live run does not choose a size that may cost more")
    used = cloud.start_body()["size"]
    others = [size["id"] for size in cloud.listed("flavors") if size["id"] != used]
    if not others:
        raise DoesNotApply("the cloud has only one size")
    return str(others[0])


def _node(cloud: CloudUnderTest, node_id: str) -> Node:
    """Return a node as its driver shows it, with its marker.

    Raises:
        DoesNotApply: The driver does not show the marker.
    """
    node = cloud.served.ask("cloud", "get_node", node_id=node_id)
    assert isinstance(node, Node), f"get_node returned {type(node).__name__}"
    if node.marker is None:
        raise DoesNotApply("the driver shows no marker")
    return node


def _found(cloud: CloudUnderTest, marker: str | None) -> str | None:
    """Return the id of the node that is found by a marker; None if there is none."""
    try:
        found = cloud.served.ask("cloud", "find_node", marker=marker)
    except OrchestratorError:
        return None
    return found.id if isinstance(found, Node) else None


def _ended(cloud: CloudUnderTest, kind: str, node_id: str) -> Json:
    """Return the newest operation of a kind on a node, once it has ended."""

    def look() -> Json:
        query = f"{V2}/operations?kind={kind}&node={quote(node_id, safe='')}&limit=1"
        operations: list[Json] = expect(cloud.api.get(query), 200)["operations"]
        return operations[0]

    what = f"{kind} of node {node_id!r} must come to its end"
    return cloud.wait_for(look, lambda seen: seen["state"] in _ENDED, what, _WORKER)
