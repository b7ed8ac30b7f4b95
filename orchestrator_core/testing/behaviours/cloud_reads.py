"""C1 to C19: what a cloud shows."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote

import pytest

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
    """Without this nothing else can be shown of a cloud."""

    @behaviour("C1", gate=True)
    def test_it_is_ready(self, cloud: CloudUnderTest) -> None:
        """A cloud can be configured with it, tells what it is, and lists what the contract says.

        Its class takes the settings that its fake gives, makes an object, and describes it. Its
        lists hold objects of the contract's classes, with values of the contract's types, and they
        come within seconds.
        """
        shown = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]
        assert shown["available"], f"not available: {shown['message']}"
        assert shown["provider"], "describe gives no provider"
        assert shown["type"], "describe gives no display_name"
        cloud.lists_as_promised()


class BaseCloudReads(BaseCloudReady):
    """Lists, single things, and errors that say what is wrong."""

    @behaviour("C2")
    def test_it_describes_itself_the_same_each_time(self, cloud: CloudUnderTest) -> None:
        """It describes itself in the same words each time.

        Version 1's uuids are made of the provider's name: clients would not know their nodes again.
        """
        shown = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]
        again = expect(cloud.beside.api.get("/cloud/again"), 200)["cloud"]
        for key in ("provider", "type"):
            assert again[key] == shown[key], f"{key} was {shown[key]!r}, then {again[key]!r}"

    @behaviour("C3")
    def test_reasons_are_given(self, cloud: CloudUnderTest) -> None:
        """What it does not support has a reason.

        Callers read it in the answer and in the report on the cloud.
        """
        for operation, offer in cloud.operations().items():
            assert offer["supported"] or offer["reason"], f"{operation} has no reason"

    @behaviour("C4", "list_nodes")
    def test_nodes(self, cloud: CloudUnderTest) -> None:
        """Its nodes are listed, none of them twice, each with a name and with valid addresses.

        What has no name cannot be called by it. Pages that overlap show nodes twice.
        """
        nodes = cloud.listed("nodes")
        distinct(nodes)
        for node in nodes:
            assert node["name"], f"a node without a name: {node}"
            for address in (*node["public_ips"], *node["private_ips"]):
                ip_address(address)

    @behaviour("C5", "list_images")
    def test_images(self, cloud: CloudUnderTest) -> None:
        """Its images are listed, none of them twice, and the same ones each time.

        A start names one of them. Where the fake names an image, that one is among them, on
        whichever page.
        """
        _catalogue(cloud, "images", cloud.fake.image)

    @behaviour("C6", "list_sizes")
    def test_sizes(self, cloud: CloudUnderTest) -> None:
        """Its sizes are listed, none of them twice, with amounts that can be or none at all.

        Amounts are MB of memory, GB of disk and a number of processors. Where the fake names a
        size, that one is among them.
        """
        for size in _catalogue(cloud, "flavors", cloud.fake.size):
            for amount in ("ram", "disk", "cpu"):
                assert size[amount] is None or size[amount] >= 0, f"{amount} of {size}"

    @behaviour("C7", "list_locations")
    def test_locations(self, cloud: CloudUnderTest) -> None:
        """Its locations are listed, none of them twice, and the same ones each time.

        Callers choose by their ids.
        """
        _catalogue(cloud, "locations", None)

    @behaviour("C8", "list_nodes")
    def test_ids_stay(self, cloud: CloudUnderTest) -> None:
        """Two lists of nodes in a row show the same ids.

        An id that changes between two calls names nothing.
        """
        first, second = ({node["id"] for node in cloud.listed("nodes")} for _ in range(2))
        assert first == second, f"{sorted(first)} at first, then {sorted(second)}"

    @behaviour("C9", "get_node", "list_nodes")
    def test_one_node(self, cloud: CloudUnderTest) -> None:
        """A node alone is the same node as in the list.

        Two ways to make a node out of the same answer tend to differ.
        """
        node_id = cloud.some_node()
        alone = expect(cloud.api.get(f"/nodes/cloud/{node_id}"), 200)["nodes"]
        listed = cloud.nodes()[node_id]
        for key in ("id", "name"):
            assert alone[key] == listed[key], f"{key}: {alone[key]!r} alone, {listed[key]!r} listed"

    @behaviour("C10", "get_node", "list_nodes")
    def test_no_such_node(self, cloud: CloudUnderTest) -> None:
        """A node that is not there is refused by its name, however much an id is like another.

        ``NodeNotFound`` it must be: to the core that word says that a node is gone.
        """
        for node_id in ("no-such-node", *cloud.nearly(*cloud.nodes())):
            answer = cloud.api.get(f"/nodes/cloud/{quote(node_id, safe='')}")
            expect(answer, 400, node_id, code="node_not_found")

    @behaviour("C11", "list_nodes", "list_images", "list_sizes")
    def test_many_reads_at_once(self, cloud: CloudUnderTest) -> None:
        """It can be asked from several threads at once, and each is told what it asked for.

        The core calls each cloud from several threads; a client that cannot bear that needs one of
        its own for each.
        """
        ids = sorted(cloud.nodes())[:_AT_ONCE]
        lists = ["/nodes/cloud", "/images/cloud", "/flavors/cloud"]
        paths = [f"/nodes/cloud/{quote(node_id, safe='')}" for node_id in ids]
        for _ in range(_ROUNDS):
            answers = together([partial(cloud.api.get, path) for path in (*paths, *lists)])
            shown = [expect(answer, 200) for answer in answers]
            for node_id, answer in zip(ids, shown, strict=False):
                got = answer["nodes"]["id"]
                assert got == node_id, f"node {node_id!r} was asked for, {got!r} came"

    @behaviour("C12")
    def test_unreachable(self, cloud: CloudUnderTest) -> None:
        """A cloud that cannot be reached is an error, never an empty list, never a missing node.

        Its error says so, with 502, 503 or 504: a caller who took it for an empty cloud would start
        everything anew, and the core would take its nodes for gone. It can be set up all the same,
        since it may come back. Asked of clouds with a host; their fake gives ``unreachable``.
        """
        beside = _failing(cloud, "unreachable")
        shown = expect(beside.api.get("/cloud/unreachable"), 200)["cloud"]
        assert shown["available"], f"it cannot be set up: {shown['message']}"
        for path in ("/nodes/unreachable", "/nodes/unreachable/any"):
            expect(beside.api.get(path), _UNAVAILABLE)
        with pytest.raises(CloudError):
            beside.check("unreachable")

    @behaviour("C13")
    def test_refused_credentials(self, cloud: CloudUnderTest) -> None:
        """Credentials that the cloud refuses are told as such.

        The core reads them anew then, once. Asked of clouds with a host; their fake gives
        ``refused``.
        """
        beside = _failing(cloud, "refused")
        expect(beside.api.get("/nodes/refused"), _UNAVAILABLE, code="credentials_refused")
        with pytest.raises(CredentialsRefused):
            beside.check("refused")

    @behaviour("C14")
    def test_check(self, cloud: CloudUnderTest) -> None:
        """A check of a cloud that can be reached finds nothing.

        ``orchestrator check --connect`` asks this, with ``check`` or else with ``list_nodes``.
        """
        try:
            cloud.served.check("cloud")
        except Unsupported as refusal:
            raise DoesNotApply(refusal.message) from None

    @behaviour("C15", "list_nodes", "list_images", "list_sizes")
    def test_ids_are_taken_whole(self, cloud: CloudUnderTest) -> None:
        """An id is looked up as it is, with all that a URL gives a meaning to.

        ``? # / % .. ;`` and a space in an id are part of it, encoded or not. A plugin that puts an
        id into a URL escapes it (``urllib.parse.quote(node_id, safe="")``); otherwise it shows
        another node than the one asked for. Asked of ``get_node``, ``get_image`` and ``get_size``,
        where it has them.
        """
        asked = {"node_id": cloud.some_node()}
        asked |= {f"{what}_id": cloud.start_body()[what] for what in ("image", "size")}
        for argument, some_id in asked.items():
            hook = f"get_{argument.removesuffix('_id')}"
            if hook in cloud.plugin.hooks and not cloud.served.reason_against("cloud", hook):
                for strange in cloud.strange(some_id):
                    cloud.takes_none(hook, **{argument: strange})

    @behaviour("C19", "list_nodes")
    def test_parts_are_the_list(self, cloud: CloudUnderTest) -> None:
        """The parts of its nodes, one after another, are its list of nodes by their ids.

        A part that ends too soon, or is in another order, hides nodes from callers who walk through
        the list with ``limit`` and ``marker``; so does a marker whose node is gone.
        """
        whole = sorted({node["id"] for node in cloud.listed("nodes")})
        if not whole:
            raise DoesNotApply("it has no nodes")
        for limit in (len(whole),) if cloud.subject.live else (1, 2, len(whole) + 1):
            walked = list(dict.fromkeys(cloud.walked("nodes", limit)))
            assert walked == whole, f"{walked} by {limit}, {whole} in the list"
        gone = f"{whole[0]}-"
        part = [node["id"] for node in cloud.part("nodes", len(whole) + 1, gone)["nodes"]]
        assert part == [one for one in whole if one > gone], f"{part} after {gone!r}"


def _catalogue(cloud: CloudUnderTest, what: str, used: str | None) -> list[Json]:
    things = cloud.listed(what)
    ids = distinct(things)
    assert used is None or used in ids, f"{used!r}, which the fake names, is not among {what}"
    again = {thing["id"] for thing in cloud.listed(what)}
    assert again == ids, f"{sorted(ids)} at first, then {sorted(again)}"
    return things


def _failing(cloud: CloudUnderTest, what: str) -> Served:
    """Return a server that has such a cloud.

    Raises:
        DoesNotApply: when there is none.
    """
    own = getattr(cloud.fake, what)
    host = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]["host"]
    if own is None and cloud.subject.live:
        raise DoesNotApply("a real cloud is there, and takes the credentials")
    if own is None:
        assert host is None, f"it has a host, so that its fake needs {what!r}"
        raise DoesNotApply("it has no host")
    return cloud.beside
