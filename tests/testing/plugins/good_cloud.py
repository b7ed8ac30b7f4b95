"""A small cloud in memory that obeys the contract: the base of the wrong ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from posixpath import normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from marshmallow import Schema, fields

from orchestrator_core import (
    CloudDescription,
    CloudUnreachable,
    CredentialsRefused,
    Firewall,
    Image,
    ImageNotFound,
    InvalidParameter,
    KeyPair,
    Location,
    Network,
    Node,
    NodeNotFound,
    NodeState,
    PluginContext,
    Refused,
    Secret,
    SecretField,
    Size,
    SizeNotFound,
    StartField,
    StartFields,
    StartRequest,
    hookimpl,
)

if TYPE_CHECKING:  # The kit is installed with the tests only.
    from orchestrator_core.testing import Fake, Stage

IMAGES = {image.id: image for image in (Image("img-1", "Debian 12"), Image("img-2", "Debian 13"))}
SIZES = {size.id: size for size in (Size("s", "Small", 1024, 10, 1), Size("l", "Large", 8192, 80))}
LOCATIONS = [Location("here", "Here", "PT"), Location("there", "There")]
KEYPAIRS = [KeyPair("k-1", "a-key"), KeyPair("k-2", "another")]
NETWORKS = [Network("n-1", "lan", "10.0.0.0/24"), Network("n-2", "lan"), Network("n-3", "dmz")]
FIREWALLS = [Firewall("f-1", "ssh"), Firewall("f-2", "web")]
TAKEN = {
    **{one.name: StartField() for one in fields_of(StartFields)},
    "keyname": StartField(given_as="name"),
    "user_data": StartField(max_bytes=4096),
}
PASSWORD = "open-sesame"
FIRST = 2


@dataclass
class Server:
    """The cloud's server: all plugin objects that name it see the same nodes."""

    nodes: dict[str, Node] = field(default_factory=dict)
    made: int = 0
    images: dict[str, Image] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


SERVERS: dict[str, Server] = {}


class GoodSettings(Schema):
    """The settings: the cloud's address and credentials."""

    server = fields.String(required=True)
    password = SecretField(required=True)


class GoodCloud:
    """A cloud with every hook."""

    settings_schema: type[Schema] = GoodSettings
    fake = "good_cloud:fake"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self.where: str = settings["server"]
        self.password: Secret = settings["password"]

    @property
    def server(self) -> Server:
        server = SERVERS.get(self.where)
        if server is None:
            raise CloudUnreachable("The cloud cannot be reached")
        if self.password.reveal() != PASSWORD:
            raise CredentialsRefused("The cloud refuses the password")
        return server

    def found(self, node_id: str) -> Node:
        node = self.server.nodes.get(node_id)
        if node is None:
            raise NodeNotFound(f"There is no node {node_id!r}")
        return node

    @hookimpl
    def describe(self) -> CloudDescription:
        return CloudDescription("good", "Good Cloud", "cloud.example.org")

    @hookimpl
    def unsupported(self) -> dict[str, str]:
        return {}

    @hookimpl
    def check(self) -> None:
        assert self.server

    @hookimpl
    def list_nodes(self) -> list[Node]:
        return [replace(node) for node in list(self.server.nodes.values())]

    @hookimpl
    def list_images(self) -> list[Image]:
        return [*IMAGES.values(), *self.server.images.values()]

    @hookimpl
    def list_sizes(self) -> list[Size]:
        assert self.server
        return list(SIZES.values())

    @hookimpl
    def list_locations(self) -> list[Location]:
        assert self.server
        return LOCATIONS

    @hookimpl
    def list_keypairs(self) -> list[KeyPair]:
        assert self.server
        return KEYPAIRS

    @hookimpl
    def list_networks(self) -> list[Network]:
        assert self.server
        return NETWORKS

    @hookimpl
    def list_firewalls(self) -> list[Firewall]:
        assert self.server
        return FIREWALLS

    @hookimpl
    def start_fields(self) -> dict[str, StartField | str]:
        return dict(TAKEN)

    @hookimpl
    def page_nodes(self, limit: int, marker: str | None) -> list[Node]:
        return self.nodes_after(marker)[:limit]

    @hookimpl
    def page_images(self, limit: int, marker: str | None) -> list[Image]:
        return [image for image in self.list_images() if image.id > (marker or "")][:limit]

    def nodes_after(self, marker: str | None) -> list[Node]:
        found = {node.id: node for node in self.list_nodes() if node.id > (marker or "")}
        return [found[node_id] for node_id in sorted(found)]

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        return replace(self.found(node_id))

    @hookimpl
    def get_image(self, image_id: str) -> Image:
        images = {**IMAGES, **self.server.images}
        if image_id not in images:
            raise ImageNotFound(f"There is no image {image_id!r}")
        return images[image_id]

    @hookimpl
    def get_size(self, size_id: str) -> Size:
        assert self.server
        if size_id not in SIZES:
            raise SizeNotFound(f"There is no size {size_id!r}")
        return SIZES[size_id]

    @hookimpl
    def find_node(self, marker: str) -> Node:
        for node in self.list_nodes():
            if node.marker == marker:
                return node
        raise NodeNotFound("No node carries this marker")

    @hookimpl
    def start_vm(self, request: StartRequest) -> Node:
        self.refuse_unknown(request)
        return replace(self.make(request))

    @hookimpl
    def stop_vm(self, node_id: str) -> None:
        with self.server.lock:
            del self.server.nodes[self.found(node_id).id]

    @hookimpl
    def reboot_vm(self, node_id: str) -> None:
        self.found(node_id).state = NodeState.RUNNING

    @hookimpl
    def power_on_vm(self, node_id: str) -> None:
        self.found(node_id).state = NodeState.RUNNING

    @hookimpl
    def power_off_vm(self, node_id: str) -> None:
        self.found(node_id).state = NodeState.STOPPED

    @hookimpl
    def resize_vm(self, node_id: str, size: Size) -> None:
        self.server.sizes[self.found(node_id).id] = size.id

    @hookimpl
    def confirm_resize(self, node_id: str, size: Size) -> bool:
        if self.server.sizes.get(self.found(node_id).id) != size.id:
            raise Refused(f"Node {node_id!r} has another size")
        return True

    @hookimpl
    def rename_vm(self, node_id: str, name: str) -> None:
        self.found(node_id).name = name

    @hookimpl
    def create_image(self, node_id: str, name: str) -> Image:
        assert self.found(node_id)
        with self.server.lock:
            image = Image(f"img-{len(IMAGES) + len(self.server.images) + 1}", name)
            self.server.images[image.id] = image
        return image

    @hookimpl
    def get_console_output(self, node_id: str) -> str:
        return f"{self.found(node_id).name} login: "

    @hookimpl
    def abort(self) -> None:
        pass

    @hookimpl
    def close(self) -> None:
        pass

    def new_id(self, request: StartRequest) -> str:
        with self.server.lock:
            self.server.made += 1
            return f"i-{self.server.made:04d}"

    def make(self, request: StartRequest) -> Node:
        node = Node(
            self.new_id(request),
            request.name,
            NodeState.RUNNING,
            public_ips=["192.0.2.7"],
            private_ips=["10.0.0.7"],
            marker=request.marker,
            image=request.image.id,
            size=request.size.id,
            created_at=datetime.now(UTC),
            tags=dict(request.tags),
        )
        with self.server.lock:
            self.server.nodes[node.id] = node
            self.server.given[node.id] = self.sent(request)
        return node

    def refuse_unknown(self, request: StartRequest) -> None:
        known = {
            "keyname": {pair.name for pair in KEYPAIRS},
            "networks": {network.id for network in NETWORKS},
            "firewalls": {firewall.id for firewall in FIREWALLS},
            "location": {location.id for location in LOCATIONS},
        }
        for name, ids in known.items():
            given = getattr(request, name) or []
            for one in [given] if isinstance(given, str) else given:
                if one not in ids:
                    raise InvalidParameter(name, f"there is no {one!r}", nothing_done=True)

    def sent(self, request: StartRequest) -> dict[str, Any]:
        """Return the fields that reach the server."""
        return {one.name: as_json(getattr(request, one.name)) for one in fields_of(StartFields)}


def as_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return [as_json(one) for one in value] if isinstance(value, list | tuple) else value


def seen_by_a_server(thing_id: str) -> str:
    """Return the id that a server sees in ``/things/<id>`` with an unescaped id."""
    path = urlsplit(f"https://cloud.example.org/things/{thing_id}").path
    return normpath(unquote(path).partition(";")[0].strip()).removeprefix("/things/")


@contextmanager
def fake(stage: Stage) -> Iterator[Fake]:
    """Return a fake cloud that starts with two nodes."""
    from orchestrator_core.testing import Fake  # noqa: PLC0415 - installed with the tests only

    passwords = {}
    for name, text in (("right", PASSWORD), ("wrong", "open-barley")):
        (stage.directory / name).write_text(text)
        passwords[name] = f"file:{stage.directory / name}"
    where = str(stage.directory)
    first = {
        f"i-000{n}": Node(f"i-000{n}", f"first-{n}", NodeState.RUNNING, [f"192.0.2.{n}"])
        for n in range(1, FIRST + 1)
    }
    SERVERS[where] = Server(first, made=FIRST)
    own = {"server": where, "password": passwords["right"]}
    try:
        yield Fake(
            settings=own,
            unreachable={**own, "server": "nowhere"},
            refused={**own, "password": passwords["wrong"]},
            image="img-2",
            size="l",
            settle=0.4,
            start_values={"options": {"rack": 7}},
            started=lambda node: SERVERS[where].given[node["id"]],
        )
    finally:
        del SERVERS[where]
