"""Stratus, a cloud for Orchestrator.

This first version keeps its nodes in memory, serves requests and passes its tests. Replace its
code with calls of your cloud's API, one hook at a time.

A hook is an ordinary function that may block. The core calls it in threads of this one cloud,
several at the same time, and no caller waits longer than the deadline. Every hook can take two
more arguments: ``deadline`` (``deadline.remaining()`` is in seconds) for the time limits of your
client, and ``hints``, which few clouds need. Besides the errors in its docstring, a hook may
raise:

* ``CloudUnreachable``: there is no connection, or it broke
* ``CredentialsRefused``: the core reads the secrets again, makes a new object and calls once more
* ``RateLimited``: the cloud asks for fewer requests
* ``CloudError``: the cloud failed in another way

Do not retry in a hook: the core retries reads after a temporary failure, and never retries a start.

An id may be any text that a caller sends, for example ``1?x``. Escape it in a URL::

    url = f"{base}/nodes/{urllib.parse.quote(node_id, safe='')}"

Return a node with the id that the cloud shows; the core compares it with the requested one.

The core answers 501 to a request for a hook that is not implemented. These are the other hooks:

* ``find_node(marker)``: return the node that was started with this marker, or raise
  ``NodeNotFound``; the core uses it to find the node of a start whose answer was lost
* ``check()``: return nothing if the cloud can be reached; the default calls ``list_nodes``
* ``get_node(node_id)``, ``get_image(image_id)``, ``get_size(size_id)``: return one item, or raise
  ``NodeNotFound``, ``ImageNotFound``, ``SizeNotFound``; the default searches the lists
* ``list_locations()``, ``list_keypairs()``, ``list_networks()``, ``list_firewalls()``: return what
  the fields of a start can name
* ``page_nodes(limit, marker)``, ``page_images(limit, marker)``: return a part of a list by id, if
  the cloud's API can sort by id; the default cuts the part out of the whole list
* ``reboot_vm(node_id)``, ``power_on_vm(node_id)``, ``power_off_vm(node_id)``,
  ``rename_vm(node_id, name)``: return nothing, or raise ``NodeNotFound``
* ``resize_vm(node_id, size)``: give a node another size; ``confirm_resize(node_id)``: confirm this,
  if the cloud asks for it
* ``create_image(node_id, name)``: return the new image; ``get_console_output(node_id)``: return
  what the node has written to its console
* ``unsupported()``: return the hooks that this one cloud cannot serve, each with the reason
* ``abort(deadline)``: end the call that has this deadline
* ``close()``: close the connections

When ``describe`` names a host, the tests need a server to talk to and addresses that do not answer.
The function ``fake`` of ``orchestrator_stratus/fake.py`` provides them, as
``orchestrator_core.testing.Fake`` explains.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from itertools import count
from typing import Any

from marshmallow import Schema, fields, validate
from orchestrator_core import (
    CloudDescription,
    Image,
    Node,
    NodeNotFound,
    NodeState,
    PluginContext,
    QuotaExceeded,
    Size,
    StartField,
    StartRequest,
    hookimpl,
)

IMAGES = [Image(id="1", name="Debian"), Image(id="2", name="Ubuntu")]

SIZES = [
    Size(id="1", name="Small", ram=1024, disk=10, cpu=1),  # MB and GB
    Size(id="2", name="Large", ram=8192, disk=80, cpu=4),
]


class StratusSettings(Schema):
    """The keys of ``[clouds.NAME]`` besides the core's own.

    Use ``SecretField`` of ``orchestrator_core`` for a password, a token or a key. The settings name
    the secret as ``env:NAME`` or ``file:PATH``, and ``settings["token"].reveal()`` returns it.
    """

    quota = fields.Integer(load_default=None, validate=validate.Range(min=1))


class StratusDriver:
    """One cloud of the settings; the core makes an object for each cloud with this driver."""

    settings_schema = StratusSettings
    fake = "orchestrator_stratus.fake:fake"  # for the tests only

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        """Store the settings; do not connect yet.

        Args:
            context: The context; ``context.name`` is the name of this cloud in the settings.
            settings: The cloud's own keys, validated by the schema above.
        """
        self._quota: int | None = settings["quota"]
        self._nodes: dict[str, Node] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return a description of this cloud, without using the network.

        Returns:
            The description. ``provider`` is part of every node's uuid, so it must never change.
            ``host`` is the host of the cloud's API, if it has one.
        """
        return CloudDescription(provider="stratus", display_name="Stratus")

    @hookimpl
    def list_nodes(self) -> list[Node]:
        """Return all nodes of all pages; raise an error rather than return a part of them."""
        with self._lock:
            return list(self._nodes.values())

    @hookimpl
    def list_images(self) -> list[Image]:
        """Return all images that a node can be started from."""
        return IMAGES

    @hookimpl
    def list_sizes(self) -> list[Size]:
        """Return all sizes that a node can have; an unknown value is None."""
        return SIZES

    @hookimpl
    def start_fields(self) -> Mapping[str, StartField | str]:
        """Return which optional fields of a start this cloud takes, or why it does not.

        ``StartField`` has their limits. The core refuses a field without an entry.
        """
        return {"metadata": StartField(), "keyname": "this cloud has no keys"}

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        """Start a node; return as soon as the cloud has accepted it and assigned an id.

        The node's state may still be ``PENDING``, and it may have no addresses yet. The image and
        the size are in the lists above, and the request has only fields that ``start_fields`` takes.

        Returns:
            The node, with ``request.marker`` as its ``marker``. Store the marker on the node, for
            example as a tag, so that every list returns it; it is not part of the name or of
            ``extra``.

        Raises:
            InvalidParameter: This cloud does not accept a value (imported from the core).
            QuotaExceeded: The cloud has no room for another node.
        """
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
        """Destroy a node; return as soon as the cloud has accepted the request.

        Raises:
            NodeNotFound: The node does not exist.
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
