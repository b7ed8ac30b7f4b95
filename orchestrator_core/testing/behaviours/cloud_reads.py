"""Behaviours C1 to C19: the description and the lists of a cloud."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import quote

import pytest

from orchestrator_core.api.v2.cursors import cursor_after
from orchestrator_core.errors import CloudError, CredentialsRefused, Unsupported
from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.targets.api import Json
from orchestrator_core.testing.targets.cloud import CloudUnderTest
from orchestrator_core.testing.targets.serving import Served
from orchestrator_core.testing.targets.suite import CloudSuite
from orchestrator_core.testing.targets.target import DoesNotApply, distinct, expect, together

_UNAVAILABLE: Final = (502, 503, 504)
_AT_ONCE: Final = 4
_ROUNDS: Final = 3


class BaseCloudReady(CloudSuite):
    """The gate: no other behaviour of a cloud can be checked without it."""

    @behaviour("C1", gate=True)
    def test_it_is_ready(self, cloud: CloudUnderTest) -> None:
        """A cloud can be configured with the plugin, and its description and lists are valid.

        The class takes the settings of its fake, creates an object and describes it. The lists have
        objects of the contract's classes, with values of the contract's types, and return within
        seconds.
        """
        shown = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]
        assert shown["available"], f"not available: {shown['message']}"
        assert shown["provider"], "describe returns no provider"
        assert shown["type"], "describe returns no display_name"
        cloud.lists_as_promised()


class BaseCloudReads(BaseCloudReady):
    """The behaviours of lists, single nodes and errors."""

    @behaviour("C2")
    def test_it_describes_itself_the_same_each_time(self, cloud: CloudUnderTest) -> None:
        """The description is the same each time.

        The uuids of version 1 contain the provider's name. If it changes, clients do not recognise
        their nodes.
        """
        shown = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]
        again = expect(cloud.beside.api.get("/cloud/again"), 200)["cloud"]
        for key in ("provider", "type"):
            assert again[key] == shown[key], f"{key} was {shown[key]!r}, then {again[key]!r}"

    @behaviour("C3")
    def test_reasons_are_given(self, cloud: CloudUnderTest) -> None:
        """Every unsupported operation has a reason.

        Callers read it in the answer and in the report on the cloud.
        """
        for operation, offer in cloud.operations().items():
            assert offer["supported"] or offer["reason"], f"{operation} has no reason"

    @behaviour("C4", "list_nodes")
    def test_nodes(self, cloud: CloudUnderTest) -> None:
        """The list of nodes has no duplicates, and each node has a name and valid addresses.

        A node without a name cannot be named by a caller. Overlapping pages show nodes twice.
        """
        nodes = cloud.listed("nodes")
        distinct(nodes)
        for node in nodes:
            assert node["name"], f"the node is without a name: {node}"
            for address in (*node["public_ips"], *node["private_ips"]):
                ip_address(address)

    @behaviour("C5", "list_images")
    def test_images(self, cloud: CloudUnderTest) -> None:
        """The list of images has no duplicates and is the same each time.

        A start names one of them. If the fake names an image, the list has it, on whichever page.
        """
        _catalogue(cloud, "images", cloud.fake.image)

    @behaviour("C6", "list_sizes")
    def test_sizes(self, cloud: CloudUnderTest) -> None:
        """The list of sizes has no duplicates, and each amount is valid or absent.

        The amounts are MB of memory, GB of disk and a number of processors. If the fake names a
        size, the list has it.
        """
        for size in _catalogue(cloud, "flavors", cloud.fake.size):
            for amount in ("ram", "disk", "cpu"):
                assert size[amount] is None or size[amount] >= 0, f"negative {amount} in {size}"

    @behaviour("C7", "list_locations")
    def test_locations(self, cloud: CloudUnderTest) -> None:
        """The list of locations has no duplicates and is the same each time.

        Callers choose a location by its id.
        """
        _catalogue(cloud, "locations", None)

    @behaviour("C8", "list_nodes")
    def test_ids_stay(self, cloud: CloudUnderTest) -> None:
        """Two lists of nodes in a row have the same ids.

        An id that changes between two calls cannot name a node.
        """
        first, second = ({node["id"] for node in cloud.listed("nodes")} for _ in range(2))
        assert first == second, f"the first list had {sorted(first)}, the next {sorted(second)}"

    @behaviour("C9", "get_node", "list_nodes")
    def test_one_node(self, cloud: CloudUnderTest) -> None:
        """A single node is the same as in the list.

        Two pieces of code that convert the same answer tend to differ.
        """
        node_id = cloud.some_node()
        alone = expect(cloud.api.get(f"/nodes/cloud/{node_id}"), 200)["nodes"]
        listed = cloud.nodes()[node_id]
        for key in ("id", "name"):
            assert alone[key] == listed[key], (
                f"{key}: {alone[key]!r}, but {listed[key]!r} in the list"
            )

    @behaviour("C10", "get_node", "list_nodes")
    def test_no_such_node(self, cloud: CloudUnderTest) -> None:
        """A read of an unknown or only similar id is refused with a message that names the id.

        The error must be ``NodeNotFound``: to the core it means that the node is gone.
        """
        for node_id in ("no-such-node", *cloud.nearly(*cloud.nodes())):
            answer = cloud.api.get(f"/nodes/cloud/{quote(node_id, safe='')}")
            expect(answer, 400, node_id, code="node_not_found")

    @behaviour("C11", "list_nodes", "list_images", "list_sizes")
    def test_many_reads_at_once(self, cloud: CloudUnderTest) -> None:
        """Several threads can use the plugin at once, and each gets the answer to its own call.

        The core calls each cloud from several threads. A plugin whose client is not thread-safe
        creates a client for each thread.
        """
        ids = sorted(cloud.nodes())[:_AT_ONCE]
        lists = ["/nodes/cloud", "/images/cloud", "/flavors/cloud"]
        paths = [f"/nodes/cloud/{quote(node_id, safe='')}" for node_id in ids]
        for _ in range(_ROUNDS):
            answers = together([partial(cloud.api.get, path) for path in (*paths, *lists)])
            shown = [expect(answer, 200) for answer in answers]
            for node_id, answer in zip(ids, shown, strict=False):
                got = answer["nodes"]["id"]
                assert got == node_id, f"node {node_id!r} was requested, {got!r} was returned"

    @behaviour("C12")
    def test_unreachable(self, cloud: CloudUnderTest) -> None:
        """An unreachable cloud is an error, never an empty list and never a missing node.

        The error has the status 502, 503 or 504. If a caller mistook it for an empty cloud, the
        caller would start everything again, and the core would regard the nodes as gone. The cloud
        can be configured all the same, because it may become reachable. This is checked for clouds
        with a host; their fake has ``unreachable``.
        """
        beside = _failing(cloud, "unreachable")
        shown = expect(beside.api.get("/cloud/unreachable"), 200)["cloud"]
        assert shown["available"], f"the cloud cannot be configured: {shown['message']}"
        for path in ("/nodes/unreachable", "/nodes/unreachable/any"):
            expect(beside.api.get(path), _UNAVAILABLE)
        with pytest.raises(CloudError):
            beside.check("unreachable")

    @behaviour("C13")
    def test_refused_credentials(self, cloud: CloudUnderTest) -> None:
        """Credentials that the cloud refuses are reported as refused.

        The core then reads the credentials once more. This is checked for clouds with a host; their
        fake has ``refused``.
        """
        beside = _failing(cloud, "refused")
        expect(beside.api.get("/nodes/refused"), _UNAVAILABLE, code="credentials_refused")
        with pytest.raises(CredentialsRefused):
            beside.check("refused")

    @behaviour("C14")
    def test_check(self, cloud: CloudUnderTest) -> None:
        """A check of a reachable cloud succeeds.

        ``orchestrator check --connect`` runs it: ``check``, or ``list_nodes`` without it.
        """
        try:
            cloud.served.check("cloud")
        except Unsupported as refusal:
            raise DoesNotApply(refusal.message) from None

    @behaviour("C15", "list_nodes", "list_images", "list_sizes")
    def test_ids_are_taken_whole(self, cloud: CloudUnderTest) -> None:
        """An id is looked up unchanged, including characters with a meaning in URLs.

        ``? # / % .. ;`` and a space are part of an id, encoded or not. A plugin that puts an id
        into a URL escapes it (``urllib.parse.quote(node_id, safe="")``); otherwise it returns
        another node than the requested one. This is checked for ``get_node``, ``get_image`` and
        ``get_size``, if the plugin has them.
        """
        asked = {"node_id": cloud.some_node()}
        asked |= {f"{what}_id": cloud.start_body()[what] for what in ("image", "size")}
        for argument, some_id in asked.items():
            hook = f"get_{argument.removesuffix('_id')}"
            if hook in cloud.plugin.hooks and not cloud.served.reason_against("cloud", hook):
                for strange in cloud.strange(some_id):
                    cloud.takes_none(hook, **{argument: strange})

    @behaviour("C16", "list_keypairs")
    def test_keypairs(self, cloud: CloudUnderTest) -> None:
        """The list of key pairs has no duplicates and is the same each time.

        A start names one of them in ``keyname``, by id or name.
        """
        _catalogue(cloud, "keypairs", None)

    @behaviour("C17", "list_networks")
    def test_networks(self, cloud: CloudUnderTest) -> None:
        """The list of networks has no duplicates, is the same each time, and has valid ranges.

        A start names some of them in ``networks``, by id or name. ``cidr`` is a range of addresses
        or null.
        """
        for network in _catalogue(cloud, "networks", None):
            if network["cidr"] is not None:
                ip_network(network["cidr"])

    @behaviour("C18", "list_firewalls")
    def test_firewalls(self, cloud: CloudUnderTest) -> None:
        """The list of firewalls has no duplicates and is the same each time.

        A start names some of them in ``firewalls``, by id or name.
        """
        _catalogue(cloud, "firewalls", None)

    @behaviour("C19", "list_nodes")
    def test_parts_are_the_list(self, cloud: CloudUnderTest) -> None:
        """The pages of the list of nodes, one after another, are the whole list sorted by id.

        If a page ends too soon or has another order, callers who read the list with ``limit`` and
        ``cursor`` miss nodes. The same happens if the node before a page is gone.
        """
        whole = sorted({node["id"] for node in cloud.listed("nodes")})
        if not whole:
            raise DoesNotApply("the cloud has no nodes")
        for limit in (len(whole),) if cloud.subject.live else (1, 2, len(whole) + 1):
            walked = list(dict.fromkeys(cloud.walked(limit)))
            assert walked == whole, f"pages of {limit} gave {walked}, the whole list {whole}"
        gone = f"{whole[0]}-"
        page = cloud.page(len(whole) + 1, cursor_after(gone))
        shown = [node["id"] for node in page["nodes"]]
        assert shown == [one for one in whole if one > gone], f"the page after {gone!r} is {shown}"


def _catalogue(cloud: CloudUnderTest, what: str, used: str | None) -> list[Json]:
    things = cloud.listed(what)
    ids = distinct(things)
    assert used is None or used in ids, f"{used!r}, which the fake names, is not among {what}"
    again = {thing["id"] for thing in cloud.listed(what)}
    assert again == ids, f"the first list had {sorted(ids)}, the next {sorted(again)}"
    return things


def _failing(cloud: CloudUnderTest, what: str) -> Served:
    """Return a server with a cloud that fails in the way that an attribute of the fake describes.

    Raises:
        DoesNotApply: The fake has no settings for such a cloud, and the cloud has no host.
    """
    own = getattr(cloud.fake, what)
    host = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]["host"]
    if own is None and cloud.subject.live:
        raise DoesNotApply("a real cloud is reachable and accepts the credentials")
    if own is None:
        assert host is None, f"the cloud has a host, so its fake needs {what!r}"
        raise DoesNotApply("the cloud has no host")
    return cloud.beside
