"""Stratus, a cloud for Orchestrator.

So far its nodes are in memory: it serves and passes its tests from the first minute. Put your
cloud's own calls in their place, one hook after the other.

A hook is an ordinary function that may block. The core calls it in threads that belong to this
one cloud, several at once, and lets nobody wait beyond the deadline. It can take two arguments
more than those below: ``deadline`` (``deadline.remaining()`` is in seconds) for your client's own
time limits, and ``hints``, which few clouds need. Beside what its own text says it may raise:

* ``CloudUnreachable``: no connection, or it broke
* ``CredentialsRefused``: the core reads the secrets anew, makes a new object and asks once more
* ``RateLimited``: the cloud asks to slow down
* ``CloudError``: the cloud failed in another way

The core repeats reads that failed in a way that may pass, and never a start: repeat nothing here.

An id is any text that a caller sends, ``1?x`` say. In a URL it is escaped::

    url = f"{base}/nodes/{urllib.parse.quote(node_id, safe='')}"

and a node that is returned has the id that the cloud shows, which the core compares with the one
that it asked for.

What is not implemented is answered with 501 and costs nothing else. There is more to implement:

* ``find_node(marker)``: the node that was started with this marker, or ``NodeNotFound``. With it
  a start whose answer was lost is found again
* ``check()``: nothing, if the cloud can be reached; without it ``list_nodes`` is asked
* ``get_node(node_id)``, ``get_image(image_id)``, ``get_size(size_id)``: one alone, or
  ``NodeNotFound``, ``ImageNotFound``, ``SizeNotFound``; without them the lists are looked through
* ``list_locations()``: the places where a node can run
* ``page_nodes(limit, marker)``, ``page_images(limit, marker)``: a part of a list by id, where the
  cloud's API can sort by id; without them the parts are cut out of the whole lists
* ``reboot_vm(node_id)``, ``power_on_vm(node_id)``, ``power_off_vm(node_id)``: nothing, or
  ``NodeNotFound``
* ``unsupported()``: the hooks that this one cloud cannot serve, each with the reason
* ``abort(deadline)``: ends the call that was given this deadline
* ``close()``: lets go of connections

Once ``describe`` names a host, the tests need something to talk to and places where nobody answers:
a class attribute ``fake = "orchestrator_stratus.fake:fake"`` names the function that sets them up, as
``orchestrator_core.testing.Fake`` explains.
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
    """What ``[clouds.NAME]`` may say besides the core's own keys.

    A password, a token or a key is a ``SecretField`` of ``orchestrator_core``: settings name it,
    as ``env:NAME`` or ``file:PATH``, and ``settings["token"].reveal()`` gives it.
    """

    quota = fields.Integer(load_default=None, validate=validate.Range(min=1))


class StratusDriver:
    """One cloud of the settings: the core makes an object for each that names this driver."""

    settings_schema = StratusSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        """Keep what is needed, and connect to nothing yet.

        Args:
            context: ``context.name`` is what the settings call this cloud.
            settings: its own keys, checked by the schema above.
        """
        self._quota: int | None = settings["quota"]
        self._nodes: dict[str, Node] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    @hookimpl
    def describe(self) -> CloudDescription:
        """Say what this cloud is, without the network.

        Returns:
            ``provider`` becomes part of every node's uuid, so it must never change. ``host`` is
            where the cloud's API is, if it has one.
        """
        return CloudDescription(provider="stratus", display_name="Stratus")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        """Return every node, to the last page, or raise: half a list must not look like all."""
        with self._lock:
            return list(self._nodes.values())

    @hookimpl
    def list_images(self) -> list[Image]:
        """Return every image that a node can be started from."""
        return IMAGES

    @hookimpl
    def list_sizes(self) -> list[Size]:
        """Return every size that a node can have; what is not known of one is None."""
        return SIZES

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        """Start a node; return as soon as the cloud has accepted it and given it an id.

        Its state may be ``PENDING`` then, and its addresses empty. The image and the size are of
        the lists above.

        Returns:
            The node, with ``request.marker`` as its ``marker``: put it on the node as a tag, say,
            so that every list gives it back. It shows neither in the name nor in ``extra``.

        Raises:
            InvalidParameter: for what this cloud does not take.
            QuotaExceeded: when there is no room for another node.
        """
        if request.keyname is not None:
            raise InvalidParameter("keyname", "this cloud has no keys", nothing_done=True)
        with self._lock:
            if self._quota is not None and len(self._nodes) >= self._quota:
                reason = f"There are {self._quota} nodes, and no more are allowed"
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
        """Destroy this one node; return nothing once the cloud has accepted it.

        Raises:
            NodeNotFound: when there is none.
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
        """Restart a node; it is up again at once."""
        self._set_state(node_id, NodeState.RUNNING)

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        """Switch a node on."""
        self._set_state(node_id, NodeState.RUNNING)

    @hookimpl
    def power_off_vm(self, node_id: str) -> None:
        """Switch a node off; it stays there."""
        self._set_state(node_id, NodeState.STOPPED)

    def _set_state(self, node_id: str, state: NodeState) -> None:
        with self._lock:
            if node_id not in self._nodes:
                raise NodeNotFound(f"There is no node {node_id!r}")
            self._nodes[node_id].state = state
