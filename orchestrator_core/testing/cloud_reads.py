"""C1 to C19: what a cloud shows."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address

from orchestrator_core.testing.behaviour import behaviour
from orchestrator_core.testing.cloud_under_test import CloudUnderTest
from orchestrator_core.testing.suite import CloudSuite
from orchestrator_core.testing.under_test import DoesNotApply, distinct, expect, together

_UNAVAILABLE = (502, 503, 504)


class BaseCloudReady(CloudSuite):
    """Without this nothing else can be shown of a cloud."""

    @behaviour("C1", gate=True)
    def test_it_is_ready(self, cloud: CloudUnderTest) -> None:
        """A cloud can be configured with it, and tells what it is."""
        shown = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]
        assert shown["available"], f"not available: {shown['message']}"
        assert shown["provider"], "describe gives no provider"
        assert shown["type"], "describe gives no display_name"


class BaseCloudReads(BaseCloudReady):
    """Lists, single things, and errors that say what is wrong."""

    @behaviour("C2")
    def test_it_describes_itself_the_same_each_time(self, cloud: CloudUnderTest) -> None:
        """It describes itself in the same words in every process.

        Version 1's uuids are made of the provider's name: clients would not know their nodes again.
        """
        shown = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]
        with cloud.elsewhere(cloud.fake.settings) as api:
            again = expect(api.get("/cloud/cloud"), 200)["cloud"]
        for key in ("provider", "type"):
            assert again[key] == shown[key], f"{key} was {shown[key]!r}, then {again[key]!r}"

    @behaviour("C3")
    def test_reasons_are_given(self, cloud: CloudUnderTest) -> None:
        """What it does not support has a reason."""
        for operation, offer in cloud.operations().items():
            assert offer["supported"] or offer["reason"], f"{operation} has no reason"

    @behaviour("C4", "list_nodes")
    def test_nodes(self, cloud: CloudUnderTest) -> None:
        """Its nodes are listed, none of them twice, with addresses that are addresses."""
        nodes = cloud.listed("nodes")
        distinct(nodes)
        for node in nodes:
            for address in (*node["public_ips"], *node["private_ips"]):
                ip_address(address)

    @behaviour("C5", "list_images")
    def test_images(self, cloud: CloudUnderTest) -> None:
        """Its images are listed, none of them twice."""
        distinct(cloud.listed("images"))

    @behaviour("C6", "list_sizes")
    def test_sizes(self, cloud: CloudUnderTest) -> None:
        """Its sizes are listed, none of them twice, with amounts that can be or none at all."""
        sizes = cloud.listed("flavors")
        distinct(sizes)
        for size in sizes:
            for amount in ("ram", "disk", "cpu"):
                assert size[amount] is None or size[amount] >= 0, f"{amount} of {size}"

    @behaviour("C7", "list_locations")
    def test_locations(self, cloud: CloudUnderTest) -> None:
        """Its locations are listed, none of them twice."""
        distinct(cloud.listed("locations"))

    @behaviour("C8", "list_nodes")
    def test_ids_stay(self, cloud: CloudUnderTest) -> None:
        """Two lists of nodes in a row show the same ids.

        An id that changes between two calls names nothing.
        """
        first, second = (distinct(cloud.listed("nodes")) for _ in range(2))
        assert first == second

    @behaviour("C9", "get_node", "list_nodes")
    def test_one_node(self, cloud: CloudUnderTest) -> None:
        """A node alone is the same node as in the list."""
        node_id = cloud.some_node()
        alone = expect(cloud.api.get(f"/nodes/cloud/{node_id}"), 200)["nodes"]
        listed = cloud.nodes()[node_id]
        for key in ("id", "name"):
            assert alone[key] == listed[key], f"{key}: {alone[key]!r} alone, {listed[key]!r} listed"

    @behaviour("C10", "get_node")
    def test_no_such_node(self, cloud: CloudUnderTest) -> None:
        """A node that is not there is refused by its name."""
        answer = cloud.api.get("/nodes/cloud/no-such-node")
        expect(answer, 400, "no-such-node")
        assert answer.error_code == "node_not_found", answer

    @behaviour("C11", "list_nodes", "list_images", "list_sizes")
    def test_many_reads_at_once(self, cloud: CloudUnderTest) -> None:
        """It can be asked from several threads at once.

        The core calls each cloud from several threads; a client that cannot bear that needs one of
        its own for each.
        """
        paths = ["/nodes/cloud", "/images/cloud", "/flavors/cloud"]
        alone = [cloud.api.get(path) for path in paths]
        for answer in alone:
            expect(answer, 200)

        for _ in range(3):
            for answer in together([partial(cloud.api.get, path) for path in paths]):
                expect(answer, 200)

    @behaviour("C12")
    def test_unreachable(self, cloud: CloudUnderTest) -> None:
        """A cloud that cannot be reached is an error, never an empty list.

        Its error says so, with 502, 503 or 504: a caller who took it for an empty cloud would start
        everything anew. Asked of clouds with a host; their fake gives ``unreachable``.
        """
        _fails(cloud, "unreachable", "")

    @behaviour("C13")
    def test_refused_credentials(self, cloud: CloudUnderTest) -> None:
        """Credentials that the cloud refuses are told as such.

        The core reads them anew then, once. Asked of clouds with a host; their fake gives
        ``refused``.
        """
        _fails(cloud, "refused", "credentials_refused")


def _fails(cloud: CloudUnderTest, what: str, code: str) -> None:
    own = getattr(cloud.fake, what)
    host = expect(cloud.api.get("/cloud/cloud"), 200)["cloud"]["host"]
    if own is None and cloud.subject.live:
        raise DoesNotApply("a real cloud is there, and takes the credentials")
    if own is None:
        assert host is None, f"it has a host, so that its fake needs {what!r}"
        raise DoesNotApply("it has no host")
    with cloud.elsewhere({**own, "retries": 0}) as api:
        answer = api.get("/nodes/cloud")
    assert answer.status in _UNAVAILABLE, answer
    assert not code or answer.error_code == code, answer
