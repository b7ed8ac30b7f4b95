"""C20 to C39: what a cloud does when nodes are started and stopped."""

from __future__ import annotations

from functools import partial

from orchestrator_core.testing.behaviour import behaviour
from orchestrator_core.testing.cloud_reads import BaseCloudReady
from orchestrator_core.testing.cloud_under_test import CloudUnderTest
from orchestrator_core.testing.under_test import expect, together

_NO = "no-such-thing"


class BaseCloudChanges(BaseCloudReady):
    """Starting and destroying."""

    @behaviour("C20", "start_vm", "list_nodes")
    def test_start(self, cloud: CloudUnderTest) -> None:
        """A start answers with a node that was not there before, and the list shows it."""
        before = set(cloud.nodes())
        node = expect(cloud.try_start(cloud.start_body("start")), 200)["nodes"]
        assert node["id"] not in before, f"{node['id']!r} was there before"
        listed = cloud.wait_until_listed(node["id"])
        assert listed["name"] == node["name"], f"named {node['name']!r}, listed {listed['name']!r}"

    @behaviour("C21", "start_vm", "list_nodes")
    def test_starts_at_once(self, cloud: CloudUnderTest) -> None:
        """Several starts at once make as many nodes, each with an id of its own."""
        body = cloud.start_body("together")
        many = cloud.fake.many
        answers = together([lambda: cloud.try_start(body)] * many)
        ids = {expect(answer, 200)["nodes"]["id"] for answer in answers}
        assert len(ids) == many, f"{many} starts made {len(ids)} nodes"
        shown = f"all of {sorted(ids)} were to show in the list of nodes"
        cloud.wait_for(lambda: set(cloud.nodes()), lambda seen: ids <= seen, shown)

    @behaviour("C22", "start_vm", "list_nodes")
    def test_unknown_image(self, cloud: CloudUnderTest) -> None:
        """An image that is not there is refused by its name, and nothing is started."""
        _refused(cloud, "image")

    @behaviour("C23", "start_vm", "list_nodes")
    def test_unknown_size(self, cloud: CloudUnderTest) -> None:
        """A size that is not there is refused by its name, and nothing is started."""
        _refused(cloud, "size")

    @behaviour("C24", "start_vm")
    def test_options(self, cloud: CloudUnderTest) -> None:
        """A key's name and metadata are taken, or refused as parameters: 200 or 400.

        Nobody may lose a start because the driver fails at something that it never expected.
        """
        for name, value in (("keyname", "a-key"), ("metadata", {"project": "conformance"})):
            answer = cloud.try_start({**cloud.start_body("options"), name: value})
            assert answer.status in (200, 400), answer

    @behaviour("C25", "start_vm")
    def test_names(self, cloud: CloudUnderTest) -> None:
        """Long and foreign names are taken, or refused as parameters: 200 or 400."""
        for name in ("a" * 200, "Ελλάδα 中文", "a.b_c/d"):
            answer = cloud.try_start(cloud.start_body(name))
            assert answer.status in (200, 400), answer

    @behaviour("C26", "start_vm", "list_nodes")
    def test_the_marker_stays_inside(self, cloud: CloudUnderTest) -> None:
        """The marker that a start puts on its node is shown to nobody.

        Callers would come to depend on it, and who knows it can make a node look like ours.
        """
        node_id = cloud.start("marker")["id"]
        operations = expect(cloud.api.get("/operations?kind=start_vm"), 200)["operations"]
        (operation,) = (one["id"] for one in operations if one["node"] == node_id)
        shown = cloud.api.get("/nodes/cloud")
        assert operation not in shown.text, f"the marker of {node_id!r} shows in the list"
        started = expect(cloud.api.get(f"/operations/{operation}"), 200)["operation"]["result"]
        assert operation not in str(started), "the marker shows in the answer to the start"

    @behaviour("C27", "start_vm", "stop_vm", "list_nodes")
    def test_stop(self, cloud: CloudUnderTest) -> None:
        """A stop destroys that one node."""
        kept, stopped = cloud.start("kept")["id"], cloud.start("stopped")["id"]
        cloud.stop(stopped)
        assert kept in cloud.nodes(), f"stopping {stopped!r} destroyed {kept!r} too"

    @behaviour("C28", "stop_vm", "list_nodes")
    def test_stop_by_name(self, cloud: CloudUnderTest) -> None:
        """A stop by name destroys the node of that name."""
        node_id = cloud.some_node()
        nodes = cloud.nodes()
        name = nodes[node_id]["name"]
        if [node["name"] for node in nodes.values()].count(name) == 1:
            expect(cloud.api.put("/vm/stop/cloud", {"hostname": name}), 200)
        else:
            expect(cloud.api.put("/vm/stop/cloud", {"hostname": name}), 400, node_id)
            expect(cloud.api.put("/vm/stop/cloud", {"node": node_id}), 200)
        cloud.wait_until_gone(node_id)

    @behaviour("C29", "stop_vm", "list_nodes")
    def test_stop_of_nothing(self, cloud: CloudUnderTest) -> None:
        """A stop of a node that is not there is refused by its name, and nothing is destroyed."""
        before = set(cloud.nodes())
        answer = cloud.api.put("/vm/stop/cloud", {"node": _NO})
        expect(answer, 400, _NO)
        assert before <= set(cloud.nodes()), f"destroyed: {before - set(cloud.nodes())}"

    @behaviour("C30", "start_vm", "stop_vm", "list_nodes")
    def test_stops_at_once(self, cloud: CloudUnderTest) -> None:
        """Several stops at once destroy as many nodes."""
        ids = [cloud.start("many")["id"] for _ in range(min(3, cloud.fake.many))]
        stops = [partial(cloud.api.put, "/vm/stop/cloud", {"node": node_id}) for node_id in ids]
        for answer in together(stops):
            expect(answer, 200)
        for node_id in ids:
            cloud.wait_until_gone(node_id)


def _refused(cloud: CloudUnderTest, field: str) -> None:
    before = set(cloud.nodes())
    answer = cloud.try_start({**cloud.start_body("refused"), field: _NO})
    expect(answer, 400, _NO)
    new = set(cloud.nodes()) - before
    assert not new, f"started all the same: {new}"
