"""The plugin itself: one class, one method for each hook."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields

from orchestrator_core import (
    CloudDescription,
    Firewall,
    Image,
    KeyPair,
    Location,
    Network,
    Node,
    NodeNotFound,
    NodeState,
    PathField,
    PluginContext,
    Size,
    StartField,
    StartRequest,
    hookimpl,
)
from orchestrator_dummy.start_fields import TAKEN, TakenField, check_volumes, given, shown
from orchestrator_dummy.store import Origin, Row, Store

IMAGES = [Image("1", "Ubuntu 9.10"), Image("2", "Ubuntu 9.04"), Image("3", "Slackware 4")]

SIZES = [
    Size("1", "Small", ram=128, disk=4, cpu=0),
    Size("2", "Medium", ram=512, disk=16, cpu=0),
    Size("3", "Big", ram=4096, disk=32, cpu=0),
    Size("4", "XXL Big", ram=8192, disk=128, cpu=0),
]

LOCATIONS = [Location("1", "Paul's Room", "US"), Location("2", "Kiwi", "NZ")]

KEYPAIRS = [
    KeyPair("key-1", "laptop", "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"),
    KeyPair("key-2", "ci", "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"),
]

NETWORKS = [
    Network("net-1", "private", "10.0.1.0/24", location="1"),
    Network("net-2", "private", "10.0.2.0/24", location="2"),
    Network("net-3", "public", "192.0.2.0/24"),
]
"""Two networks have the same name, so that a client can try what happens then."""

FIREWALLS = [
    Firewall("fw-1", "ssh", "Allows SSH"),
    Firewall("fw-2", "web", "Allows HTTP and HTTPS"),
]

FIRST_NODES = 2


class StoreField(fields.Field[Path | None]):
    """Field for the location of the nodes: a file, or None for ``memory``."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Path | None:
        kind, _, path = value.partition(":") if isinstance(value, str) else ("", "", "")
        if kind == "file" and path:
            return PathField().deserialize(path)
        if value == "memory":
            return None
        raise ValidationError('must be "memory" or "file:PATH"')


class DummySettings(Schema):
    """Settings that ``[clouds.NAME]`` may have besides the core's own keys."""

    store = StoreField(
        load_default=None,
        metadata={
            "description": "The place of the nodes. With `memory` a new server starts afresh; a "
            "file survives restarts.",
            "toml_type": "text",
            "default": '`"memory"`',
            "allowed": '`"memory"` or `"file:PATH"`',
        },
    )
    start_fields = TakenField(
        load_default=TAKEN,
        metadata={
            "description": "For each optional field of a start a text with the reason why the "
            "cloud refuses it, or a table with the limits within which it takes it.",
            "toml_type": "table",
            "default": "every field is taken, without limits",
        },
    )


class DummyDriver:
    """A cloud that looks the same to all processes of one server."""

    settings_schema = DummySettings
    is_simulated: ClassVar[bool] = True
    """Any of its nodes may be destroyed, because no data can be lost."""

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        memory = context.run_directory / f"dummy-{context.name}.db"
        file: Path | None = settings["store"]
        self._taken: Mapping[str, StartField | str] = settings["start_fields"]
        self.store = Store(file or memory, durable=file is not None, first=FIRST_NODES)
        self._listed: tuple[Sequence[Row], tuple[Node, ...]] = ((), ())

    @hookimpl
    def describe(self) -> CloudDescription:
        """Describe the cloud without a host: there is nothing to connect to."""
        return CloudDescription(provider="dummy", display_name="Dummy Node Provider")

    @hookimpl
    def check(self) -> None:
        """Do nothing: this cloud can always be reached."""
        self.store.rows()

    @hookimpl
    def list_nodes(self) -> Sequence[Node]:
        """Return every node; the same tuple while no process has changed any of them."""
        rows = self.store.rows()
        listed = self._listed
        if listed[0] is not rows:
            listed = self._listed = (rows, tuple(map(_node, rows)))
        return listed[1]

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        """Return one node."""
        return _node(_found(self.store.row(node_id), node_id))

    @hookimpl
    def find_node(self, marker: str) -> Node:
        """Return the node that was started with this marker."""
        return _node(_found(self.store.marked(marker), marker))

    @hookimpl
    def list_images(self) -> list[Image]:
        """Return every image, those that were made of nodes too."""
        made = self.store.images()
        return [*IMAGES, *(_image(number, name) for number, name in made)] if made else IMAGES

    @hookimpl
    def list_sizes(self) -> list[Size]:
        """Return every size."""
        return SIZES

    @hookimpl
    def list_locations(self) -> list[Location]:
        """Return every location."""
        return LOCATIONS

    @hookimpl
    def list_keypairs(self) -> list[KeyPair]:
        """Return every key pair."""
        return KEYPAIRS

    @hookimpl
    def list_networks(self) -> list[Network]:
        """Return every network."""
        return NETWORKS

    @hookimpl
    def list_firewalls(self) -> list[Firewall]:
        """Return every firewall."""
        return FIREWALLS

    @hookimpl
    def start_fields(self) -> Mapping[str, StartField | str]:
        """Return how the cloud takes each field of a start, as its settings say."""
        return self._taken

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        """Create the next node; like some real clouds, ignore the name that the caller chose."""
        check_volumes(request)
        fields = given(request)
        stored = json.dumps(fields) if fields else None
        origin = Origin(request.image.id, request.size.id)
        return _node(self.store.add(request.marker, origin, given=stored, shown=shown(fields)))

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        """Destroy a node."""
        if not self.store.remove(node_id):
            raise _missing(node_id)

    @hookimpl
    def reboot_vm(self, node_id: str) -> None:
        """Reboot a node; it is running again at once."""
        self.set_state(node_id, NodeState.RUNNING)

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        """Switch a node on."""
        self.set_state(node_id, NodeState.RUNNING)

    @hookimpl
    def power_off_vm(self, node_id: str) -> None:
        """Switch a node off."""
        self.set_state(node_id, NodeState.STOPPED)

    @hookimpl
    def resize_vm(self, node_id: str, size: Size) -> None:
        """Give a node another size, which its ``extra`` shows from then on."""
        if not self.store.set_size(node_id, size.id):
            raise _missing(node_id)

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        """Give a node another name."""
        if not self.store.set_name(node_id, name):
            raise _missing(node_id)

    @hookimpl
    def create_image(self, node_id: str, name: str) -> Image:
        """Make an image of a node; nodes can be started from it."""
        _found(self.store.row(node_id), node_id)
        return _image(self.store.add_image(name), name)

    @hookimpl
    def get_console_output(self, node_id: str) -> str:
        """Return what a node of this cloud would have written when it started."""
        node = _node(_found(self.store.row(node_id), node_id))
        boot = f"[    0.000000] Booting {node.name} ({node.public_ips[0]})\r\n"
        return f"{boot}\r\n{node.name} login: " if node.state is NodeState.RUNNING else boot

    def set_state(self, node_id: str, state: NodeState) -> None:
        """Set the state of a node."""
        if not self.store.set_state(node_id, state.value):
            raise _missing(node_id)


def _node(row: Row) -> Node:
    # A node without optional fields and without a resize is the documented example, to the letter.
    start = {} if row.shown is None else {"start": json.loads(row.shown)}
    resized = {} if row.size is None else {"size": row.size}
    is_first = row.number <= FIRST_NODES
    created_at = row.created_at
    return Node(
        id=str(row.number),
        name=row.name or f"dummy-{row.number}",
        state=NodeState(row.state),
        public_ips=[_address(row.number)],
        extra={"foo": "bar", **start, **resized},
        marker=row.marker,
        image=IMAGES[0].id if is_first else row.image,
        size=row.size or (SIZES[0].id if is_first else row.flavor),
        created_at=None if created_at is None else datetime.fromtimestamp(created_at, UTC),
        tags=start["start"].get("tags", {}) if start else {},
    )


def _image(number: int, name: str) -> Image:
    return Image(str(len(IMAGES) + number), name)


def _address(number: int) -> str:
    """Return a node's address: the documented cloud starts with two nodes on one address."""
    last = 1 if number <= FIRST_NODES else number
    return f"127.{last >> 16 & 255}.{last >> 8 & 255}.{last & 255}"


def _found(row: Row | None, wanted: str) -> Row:
    if row is None:
        raise _missing(wanted)
    return row


def _missing(wanted: str) -> NodeNotFound:
    return NodeNotFound(f"There is no node {wanted!r}")
