"""Shared help for tests that compare the requests of a start with a provider's documentation.

A test serves its provider with the fixture ``served`` and a :class:`Sent`, and starts a VM with
:func:`start`, which treats the fields as the core does: it checks them with the schema and the
plugin's ``start_fields``, and looks up names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from any_host import Answer, Reply, Request

from orchestrator_core import Deadline, Image, Node, Size, StartField
from orchestrator_core.broker.operations.start_order import StartOrder
from orchestrator_core.clouds.driver import Driver
from orchestrator_core.clouds.start_fields import complete
from orchestrator_core.plugins.hooks import Hooks
from orchestrator_core.plugins.record import Kind
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.start_request import START_FIELDS
from orchestrator_core.validation.start_fields import StartFieldsSchema
from orchestrator_libcloud import LibcloudDriver

MARKER: Final = "0a1b2c3d4e5f-" + "0" * 32
SSH_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh2cU1JYzVvZ1J0bG5hYmNkZWZn ann@example"
IMAGE: Final = Image("image-1", "an image")
SIZE: Final = Size("size-1", "a size", ram=2048, disk=20)

SAMPLES: Final[Mapping[str, Any]] = {
    "keyname": "ann",
    "ssh_keys": [SSH_KEY],
    "user_data": "#cloud-config\npackages: [git]\n",
    "networks": ["net-1"],
    "firewalls": ["web"],
    "location": "zone-1",
    "public_ip": True,
    "root_disk": {"size": 30},
    "volumes": [{"size": 10}],
    "tags": {"team": "physics"},
    "spot": True,
    "metadata": {"course": "optics"},
    "options": {"ex_example": "x"},
}
"""A value for each optional field of a start, as a caller sends it."""


@dataclass
class Sent:
    """An answer to every request that records the requests.

    Attributes:
        answer: makes the answers.
        requests: the requests, in order.
    """

    answer: Answer
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.answer(request)

    @property
    def lines(self) -> list[str]:
        """Return method and path of each request."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def body_of(self, method: str, path: str) -> Any:
        """Return the JSON body of the one request with this method and path."""
        (request,) = [r for r in self.requests if (r.method, r.path) == (method, path)]
        return json.loads(request.body)

    def form_of(self, **wanted: str) -> dict[str, str]:
        """Return the parameters, in URL or body, of the one request that has these among them."""
        forms = [form(request) for request in self.requests]
        (found,) = [one for one in forms if wanted.items() <= one.items()]
        return found


def form(request: Request) -> dict[str, str]:
    """Return the parameters of a request that sends a form in its URL or its body."""
    try:
        body = request.body.decode()
    except UnicodeDecodeError:
        body = ""
    return {**request.query, **dict(parse_qsl(body, keep_blank_values=True))}


def core(plugin: LibcloudDriver, seconds: float = 30) -> Driver:
    """Return the core's interface to a plugin."""
    return Driver(Hooks(Kind.CLOUD, "Cloud test", plugin), Deadline(seconds))


def start(
    plugin: LibcloudDriver,
    fields: Mapping[str, Any],
    *,
    things: tuple[Image, Size] = (IMAGE, SIZE),
    name: str = "web",
    marker: str | None = MARKER,
) -> Node:
    """Start a VM with fields as a caller sends them.

    Args:
        plugin: the plugin's object for the provider.
        fields: the optional fields as JSON.
        things: image and size, as the core has looked them up.
        name: the VM's name.
        marker: the marker of the start.

    Raises:
        InvalidParameter: for a field that the provider does not take.
        ValidationError: for a field that no cloud takes.
    """
    driver = core(plugin)
    settings = CloudSettings("test", "libcloud", start_options=tuple(fields.get("options", ())))
    loaded = StartFieldsSchema().load(fields)
    wanted = complete(settings, driver.start_fields(), loaded)
    image, size = things
    order = StartOrder(name, image.id, size.id, wanted)
    return driver.start_vm(order.request(_WithGiven(driver, image, size), marker))


class _WithGiven(Driver):
    """A driver whose lookups of image and size send nothing."""

    __slots__ = ("_image", "_size")

    def __init__(self, driver: Driver, image: Image, size: Size) -> None:
        super().__init__(driver._hooks, driver.deadline)
        self._image, self._size = image, size

    def find_image(self, reference: str) -> Image:
        assert reference == self._image.id
        return self._image

    def find_size(self, reference: str) -> Size:
        assert reference == self._size.id
        return self._size


def taken(plugin: LibcloudDriver) -> set[str]:
    """Return the optional fields that a provider takes."""
    fields = core(plugin).start_fields()
    return {name for name in START_FIELDS if isinstance(fields[name], StartField)}


def not_taken(plugin: LibcloudDriver) -> dict[str, str]:
    """Return the optional fields that a provider does not take, with the reasons."""
    fields = core(plugin).start_fields()
    return {name: why for name, why in fields.items() if isinstance(why, str)}
