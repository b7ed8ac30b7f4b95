"""Stratus, a cloud for Orchestrator.

As written, its nodes are in memory, and its tests pass. Replace the memory with calls of your
cloud, one hook at a time.

A hook is an ordinary function that may block. The core calls the hooks in threads that belong to
this cloud, several at once, and answers the caller at the deadline at the latest. Every hook may
take two further arguments: ``deadline`` for the time limits of your client
(``deadline.remaining()`` returns seconds), and ``hints``, which few clouds need. In addition to the
errors in its docstring, a hook may raise:

* ``CloudUnreachable``: no connection, or it broke
* ``CredentialsRefused``: the core then creates a new object with newly read secrets, and calls it
  once
* ``RateLimited``: the cloud asks for fewer requests
* ``CloudError``: the cloud failed in another way

The core retries reads that may succeed on another attempt, and never a start. Do not retry here.

An id is any text that a caller sends, for example ``1?x``. Escape it in a URL::

    url = f"{base}/nodes/{urllib.parse.quote(node_id, safe='')}"

Return the id that the cloud shows. The core compares it with the id that it requested.

The core answers 501 for a hook that is missing. These hooks are not implemented yet:

* ``find_node(marker)``: return the node that was started with this marker, or raise
  ``NodeNotFound``. The core uses it to find a node when the answer to its start was lost
* ``check()``: return nothing if the cloud is reachable; without it the core lists the nodes
* ``get_node(node_id)``, ``get_image(image_id)``, ``get_size(size_id)``: return one, or raise
  ``NodeNotFound``, ``ImageNotFound`` or ``SizeNotFound``; without them the core searches the lists
* ``list_locations()``: return the places where a node can run
* ``page_nodes(limit, marker)``, ``page_images(limit, marker)``: return a part of a list sorted by
  id, if the cloud's API can sort by id; without them the core takes the part from the whole list
* ``reboot_vm(node_id)``, ``power_on_vm(node_id)``, ``power_off_vm(node_id)``: return nothing, or
  raise ``NodeNotFound``
* ``unsupported()``: return the hooks that this cloud cannot serve, each with the reason
* ``abort(deadline)``: end the call that has this deadline
* ``close()``: close connections

When ``describe`` names a host, the tests need a fake of the cloud and an address where no server
answers. Name the function that provides them in a class attribute
``fake = "orchestrator_stratus.fake:fake"``; see ``orchestrator_core.testing.Fake``.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

from marshmallow import Schema, fields, validate
from orchestrator_core import (
    CloudDescription,
    Image,
    InvalidParameter,
    Node,
    NodeNotFound,
    NodeState,
    PluginContext,
    QuotaExceeded,
    Size,
    StartRequest,
    hookimpl,
)

IMAGES = [Image(id="1", name="Debian"), Image(id="2", name="Ubuntu")]

SIZES = [
    Size(id="1", name="Small", ram=1024, disk=10, cpu=1),  # MB and GB
    Size(id="2", name="Large", ram=8192, disk=80, cpu=4),
]


class StratusSettings(Schema):
    """Keys of ``[clouds.NAME]`` in addition to the core's own.

    Use ``SecretField`` of ``orchestrator_core`` for a password, a token or a key. The settings
    then have ``env:NAME`` or ``file:PATH``, and ``settings["token"].reveal()`` returns the value.
    """

    quota = fields.Integer(load_default=None, validate=validate.Range(min=1))


class StratusDriver:
    """A cloud. The core creates one object for each section that names it, in each process."""

    settings_schema = StratusSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        """Store the settings; do not connect yet.

        Args:
            context: The core's context. ``context.name`` is the cloud's name in the settings.
            settings: The plugin's own keys, loaded by the schema above.
        """
        self._quota: int | None = settings["quota"]
        self._nodes: dict[str, Node] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    @hookimpl
    def describe(self) -> CloudDescription:
        """Describe this cloud, without using the network.

        Returns:
            ``provider`` is a part of every node's uuid, so it must never change. ``host`` is the
            host of the cloud's API, if it has one.
        """
        return CloudDescription(provider="stratus", display_name="Stratus")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        """Return all nodes, from all pages, or raise; never a part of them."""
        with self._lock:
            return list(self._nodes.values())

    @hookimpl
    def list_images(self) -> list[Image]:
        """Return all images from which a node can be started."""
        return IMAGES

    @hookimpl
    def list_sizes(self) -> list[Size]:
        """Return all sizes that a node can have; an unknown amount is None."""
        return SIZES

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        """Start a node; return as soon as the cloud has accepted it and given it an id.

        The node's state may still be ``PENDING``, and its addresses may be empty. The image and
        the size are from the lists above.

        Returns:
            The node, with ``request.marker`` as its ``marker``. Put the marker on the node, for
            example as a tag, so that every list returns it. It must not appear in the name or in
            ``extra``.

        Raises:
            InvalidParameter: This cloud does not accept a parameter.
            QuotaExceeded: The quota allows no further node.
        """
        if request.keyname is not None:
            raise InvalidParameter("keyname", "this cloud has no keys", nothing_done=True)
        with self._lock:
            if self._quota is not None and len(self._nodes) >= self._quota:
                reason = f"The quota of {self._quota} nodes is used up"
                raise QuotaExceeded(reason, nothing_done=True)
            node = Node(
                id=str(next(self._numbers)),
                name=request.name,
                state=NodeState.RUNNING,
                extra={"metadata": request.metadata or {}},
                marker=request.marker,
            )
            self._nodes[node.id] = node
        return node

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        """Destroy this node and no other; return when the cloud has accepted the deletion.

        Raises:
            NodeNotFound: There is no such node.
        """
        with self._lock:
            if self._nodes.pop(node_id, None) is None:
                raise NodeNotFound(f"There is no node {node_id!r}")

    @hookimpl
    def find_node(self, marker: str) -> Node:
        """Return the node that was started with this marker."""
        for node in self.list_nodes():
            if node.marker == marker:
                return node
        raise NodeNotFound("No node carries this marker")

    @hookimpl
    def reboot_vm(self, node_id: str) -> None:
        """Restart a node; it runs again at once."""
        self._set_state(node_id, NodeState.RUNNING)

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        """Power a node on."""
        self._set_state(node_id, NodeState.RUNNING)

    @hookimpl
    def power_off_vm(self, node_id: str) -> None:
        """Power a node off; the node still exists."""
        self._set_state(node_id, NodeState.STOPPED)

    def _set_state(self, node_id: str, state: NodeState) -> None:
        with self._lock:
            if node_id not in self._nodes:
                raise NodeNotFound(f"There is no node {node_id!r}")
            self._nodes[node_id].state = state
