"""The plugin itself: one class, one method for each hook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from orchestrator_core import (
    CloudDescription,
    CloudError,
    Conflict,
    Deadline,
    Firewall,
    Image,
    ImageFilter,
    KeyPair,
    Location,
    Network,
    Node,
    OrchestratorError,
    PluginContext,
    Size,
    StartField,
    StartRequest,
    Unsupported,
    hookimpl,
)
from orchestrator_libcloud import regions
from orchestrator_libcloud.capabilities import method
from orchestrator_libcloud.changes import actions, lookup
from orchestrator_libcloud.description import describe
from orchestrator_libcloud.errors.errors import Source, translated
from orchestrator_libcloud.http.call import current
from orchestrator_libcloud.http.exchange import Exchange
from orchestrator_libcloud.listing import image_filters
from orchestrator_libcloud.listing.parts import Parts
from orchestrator_libcloud.node_actions.base import libcloud_size
from orchestrator_libcloud.node_actions.registry import actions_of
from orchestrator_libcloud.nodes import convert
from orchestrator_libcloud.nodes.states import modules
from orchestrator_libcloud.sessions import Sessions, abort
from orchestrator_libcloud.settings import LibcloudSettings
from orchestrator_libcloud.starts import lists as start_lists
from orchestrator_libcloud.starts.create import create_node
from orchestrator_libcloud.starts.registry import mapping_of
from orchestrator_libcloud.support import chosen, unsupported

T = TypeVar("T", Node, Image)
A = TypeVar("A")

_CHEAP: Final = {
    "libcloud.compute.drivers.openstack": "list_sizes",
    "libcloud.compute.drivers.ec2": "list_locations",
}
"""A driver's module to its cheapest list that needs credentials. Other drivers use the nodes: their
other lists are often constants of Libcloud, which prove nothing.
"""

_PARAMETERS: Final = {"resize_vm": "size", "rename_vm": "name", "create_image": "name"}
"""The changes of a node that have a parameter, which a refusal may name."""


class LibcloudDriver:
    """One cloud that is reached through Libcloud.

    Args:
        context: the core's context, with the cloud's name.
        settings: the settings, loaded by :class:`LibcloudSettings`.
    """

    settings_schema = LibcloudSettings
    fake = "orchestrator_libcloud.fake:fake"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._name = context.name
        self._settings = settings
        self._region: str | None = settings.get("region")
        self._sessions = Sessions(settings, context.name)
        self._options = actions.Options(delete_volumes=settings["delete_volumes"])
        self._source = Source(self._sessions.redact, starts=False)
        self._start_source = Source(self._sessions.redact, starts=True)
        self._parts = Parts()

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return Libcloud's description of the provider; import its module, but send nothing."""
        return describe(self._settings, self._sessions.driver_class())

    @hookimpl
    def unsupported(self) -> Mapping[str, str]:
        """Return the hooks that the provider's driver class lacks; send nothing."""
        return unsupported(self._settings, self._sessions.driver_class())

    @hookimpl
    def start_fields(self) -> dict[str, StartField | str]:
        """Return for each field of a start how the provider takes it; send nothing."""
        actual = chosen(self._settings, self._sessions.driver_class())
        return mapping_of(actual).fields(actual)

    @hookimpl
    def check(self, deadline: Deadline) -> None:
        """Send the cheapest request that needs credentials."""
        exchange = Exchange()
        try:
            with self._call(deadline, exchange=exchange) as driver:
                known = modules(driver)
                cheap = (name for module, name in _CHEAP.items() if module in known)
                lookup.list_with(driver, next(cheap, "list_nodes"), self._region)
        except CloudError as error:
            # A mistyped region leads to an address that does not exist, or to a wrong signature.
            if said := regions.hint(self._settings["provider"], self._region):
                error.message = f"{error.message}. {said}"
                error.args = (error.message,)
                raise
            if exchange.status is None or not error.message.endswith(" failed"):
                raise
            # For an error that no table has, only the status helps the operator.
            raise CloudError(
                f"{error.message} (its last answer was {exchange.status}; check the addresses, "
                "the region and the arguments in the settings)"
            ) from error

    @hookimpl
    def list_nodes(self, deadline: Deadline) -> list[Node]:
        """Return every node."""
        with self._call(deadline) as driver:
            found = lookup.list_with(driver, "list_nodes", self._region)
            nodes = [self._shown(node) for node in found]
            self._parts.learn(driver, "list_nodes", [node.id for node in nodes])
            return nodes

    @hookimpl
    def list_images(self, filters: ImageFilter, deadline: Deadline) -> list[Image]:
        """Return the images from which a node can be started now, as far as they match."""
        with self._call(deadline) as driver:
            owners = self._settings.get("image_owner", ())
            images = lookup.list_images(driver, self._region, owners, filters)
            return [convert.to_image(image) for image in images if convert.is_usable(image)]

    @hookimpl
    def page_nodes(self, limit: int, marker: str | None, deadline: Deadline) -> list[Node]:
        """Return a part of the nodes, if the provider can be asked for less than all of them."""
        with self._call(deadline) as driver:
            nodes = self._parts.part(driver, "list_nodes", limit, marker)
            if nodes is not None:
                return _by_id([self._shown(node) for node in nodes], marker)
        return _by_id(self.list_nodes(deadline), marker)

    @hookimpl
    def page_images(
        self, filters: ImageFilter, limit: int, marker: str | None, deadline: Deadline
    ) -> list[Image]:
        """Return a part of the images that match, if the provider sorts them by id."""
        with self._call(deadline) as driver:
            images = image_filters.part_of_images(driver, self._parts, filters, limit, marker)
            if images is not None:
                return _by_id([convert.to_image(image) for image in images], marker)
        return _by_id(self.list_images(filters, deadline), marker)

    @hookimpl
    def list_sizes(self, deadline: Deadline) -> list[Size]:
        """Return every size."""
        with self._call(deadline) as driver:
            sizes = lookup.list_with(driver, "list_sizes", self._region)
            return [convert.to_size(size) for size in sizes]

    @hookimpl
    def list_locations(self, deadline: Deadline) -> list[Location]:
        """Return every location."""
        with self._call(deadline) as driver:
            return [convert.to_location(item) for item in lookup.list_locations(driver)]

    @hookimpl
    def list_keypairs(self, deadline: Deadline) -> list[KeyPair]:
        """Return every key pair that a start can name."""
        return self._start_list("list_keypairs", deadline)

    @hookimpl
    def list_networks(self, deadline: Deadline) -> list[Network]:
        """Return every network or subnet that a start can name."""
        return self._start_list("list_networks", deadline)

    @hookimpl
    def list_firewalls(self, deadline: Deadline) -> list[Firewall]:
        """Return every security group, firewall or network tag that a start can name."""
        return self._start_list("list_firewalls", deadline)

    @hookimpl
    def get_node(self, node_id: str, deadline: Deadline) -> Node:
        """Return one node."""
        with self._call(deadline) as driver:
            return self._shown(lookup.find_node(driver, node_id))

    @hookimpl
    def find_node(self, marker: str, deadline: Deadline) -> Node:
        """Return the node that carries this marker; not every provider can carry one."""
        with self._call(deadline) as driver:
            return self._shown(lookup.find_marked(driver, marker))

    @hookimpl
    def get_image(self, image_id: str, deadline: Deadline) -> Image:
        """Return one image."""
        with self._call(deadline) as driver:
            image = convert.to_image(lookup.find_image(driver, image_id, self._region))
            # Libcloud writes the URL of Azure's VHDs with its own scheme. For all other images
            # find_image has compared the ids.
            image.id = image_id
            return image

    @hookimpl
    def get_size(self, size_id: str, deadline: Deadline) -> Size:
        """Return one size."""
        with self._call(deadline) as driver:
            return convert.to_size(lookup.find_size(driver, size_id, self._region))

    @hookimpl
    def start_vm(self, request: StartRequest, deadline: Deadline) -> Node:
        """Create a node."""
        exchange = Exchange()
        exchange.prepare_change()
        exchange.private = (request.user_data,) if request.user_data else ()
        with self._call(deadline, exchange=exchange, source=self._start_source) as driver:
            return self._node(create_node(driver, request, self._region, exchange))

    @hookimpl
    def stop_vm(self, node_id: str, deadline: Deadline) -> None:
        """Destroy a node."""
        failure = CloudError(f"Cloud {self._name} did not delete node {node_id!r}")
        self._act("destroy_node", node_id, deadline, failure)

    @hookimpl
    def reboot_vm(self, node_id: str, deadline: Deadline) -> None:
        """Restart a node in place."""
        self._act("reboot_node", node_id, deadline, self._not_now(node_id))

    @hookimpl
    def power_on_vm(self, node_id: str, deadline: Deadline) -> None:
        """Switch a node on."""
        self._act("start_node", node_id, deadline, self._not_now(node_id))

    @hookimpl
    def power_off_vm(self, node_id: str, deadline: Deadline) -> None:
        """Switch a node off."""
        self._act("stop_node", node_id, deadline, self._not_now(node_id))

    @hookimpl
    def resize_vm(self, node_id: str, size: Size, deadline: Deadline) -> None:
        """Give a node another size."""

        def resize(driver: Any, node: Any) -> None:
            accepted = actions_of(driver).resize(driver, node, libcloud_size(driver, size))
            self._check_accepted(driver, node_id, accepted=accepted)

        self._change("resize_vm", node_id, deadline, resize)

    @hookimpl
    def confirm_resize(self, node_id: str, size: Size, deadline: Deadline) -> bool:
        """Return whether a resize is complete; confirm it where the provider waits for that."""
        return self._change(
            "confirm_resize",
            node_id,
            deadline,
            lambda driver, node: actions_of(driver).confirm_resize(driver, node, size),
        )

    @hookimpl
    def rename_vm(self, node_id: str, name: str, deadline: Deadline) -> None:
        """Give a node another name."""

        def rename(driver: Any, node: Any) -> None:
            accepted = actions_of(driver).rename(driver, node, name)
            self._check_accepted(driver, node_id, accepted=accepted)

        self._change("rename_vm", node_id, deadline, rename)

    @hookimpl
    def create_image(self, node_id: str, name: str, deadline: Deadline) -> Image:
        """Make an image of a node."""
        return self._change(
            "create_image",
            node_id,
            deadline,
            lambda driver, node: actions_of(driver).create_image(driver, node, name),
        )

    @hookimpl
    def get_console_output(self, node_id: str, deadline: Deadline) -> str:
        """Return the output of a node's console."""
        with self._call(deadline) as driver:
            _require(driver, "get_console_output")
            node = lookup.find_node(driver, node_id)
            with lookup.gone_believed(driver, node):
                return actions_of(driver).console(driver, node)

    @hookimpl
    def abort(self, deadline: Deadline) -> None:
        """Close the connection of the call with this deadline, if the call still runs."""
        abort(deadline)

    @hookimpl
    def close(self) -> None:
        """Release every thread's driver object; calls in progress end normally."""
        self._sessions.close()

    def _node(self, found: Any) -> Node:
        """Return a node with the parts that only the answer to its start may contain."""
        node = convert.to_node(found)
        if node.fault is not None:
            node.fault = self._sessions.redact(node.fault) or None
        return node

    def _shown(self, found: Any) -> Node:
        """Return a node as every caller may see it."""
        node = self._node(found)
        node.secrets = {}
        return node

    def _start_list(self, hook: str, deadline: Deadline) -> list[Any]:
        with self._call(deadline) as driver:
            return start_lists.fetch(driver, mapping_of(driver).lists, hook)

    def _not_now(self, node_id: str) -> Conflict:
        return Conflict(f"Cloud {self._name} did not change node {node_id!r} in its present state")

    def _change(
        self, hook: str, node_id: str, deadline: Deadline, work: Callable[[Any, Any], A]
    ) -> A:
        """Change a node in the provider's own way, and return what that returns."""
        exchange = Exchange()
        exchange.prepare_change()
        source = replace(self._source, parameter=_PARAMETERS.get(hook))
        with self._call(deadline, exchange=exchange, source=source) as driver:
            _require(driver, hook)
            node = lookup.find_node(driver, node_id)
            deadline.check()
            exchange.begin_change()
            with lookup.gone_believed(driver, node):
                return work(driver, node)

    def _check_accepted(self, driver: Any, node_id: str, *, accepted: bool | None) -> None:
        """Check what an action has returned.

        Raises:
            Conflict: it was not accepted.
        """
        call = current()
        status = None if call is None else call.exchange.status
        if accepted is False and not actions.false_is_success(driver, status):
            raise self._not_now(node_id)

    def _act(
        self, action: str, node_id: str, deadline: Deadline, failure: OrchestratorError
    ) -> None:
        exchange = Exchange()
        exchange.prepare_change()
        with self._call(deadline, exchange) as driver:
            method(driver, action, ("node",))
            node = lookup.find_node(driver, node_id)
            deadline.check()
            exchange.begin_change()
            with lookup.gone_believed(driver, node):
                done = actions.perform(driver, action, node, self._options)
            # UpCloud's driver looks the node up first. It takes a 404 as the node's end, and then
            # sends no deletion.
            is_sent = action != "destroy_node" or exchange.is_change_sent
            if (not done and not actions.false_is_success(driver, exchange.status)) or not is_sent:
                raise failure

    @contextmanager
    def _call(
        self, deadline: Deadline, exchange: Exchange | None = None, source: Source | None = None
    ) -> Iterator[Any]:
        """Yield this thread's driver object; turn every other error into one of the contract."""
        exchange = exchange or Exchange()
        with (
            translated(self._name, exchange, source or self._source),
            self._sessions.driver(deadline, exchange) as driver,
        ):
            yield driver


def _require(driver: Any, hook: str) -> None:
    why = actions_of(driver).why_not(driver, hook)
    if why is not None:
        raise Unsupported(why)


def _by_id(things: list[T], marker: str | None) -> list[T]:
    """Return things in the order of their ids, each once, starting after the marker."""
    found = {thing.id: thing for thing in things if marker is None or thing.id > marker}
    return [found[name] for name in sorted(found)]
