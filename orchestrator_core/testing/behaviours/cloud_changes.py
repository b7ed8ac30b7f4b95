"""C20 to C39: what a cloud does when nodes are started and stopped."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final
from urllib.parse import quote

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.api import Answer, Json
from orchestrator_core.testing.targets.cloud import TERMINATED, CloudUnderTest
from orchestrator_core.testing.targets.target import DoesNotApply, expect, together
from orchestrator_core.testing.targets.witness import HANGS

_NO: Final = "no-such-thing"
_OK: Final = 200
_BAD: Final = 400


class BaseCloudChanges(BaseCloudReady):
    """Starting and destroying."""

    @behaviour("C20", "start_vm", "list_nodes")
    def test_start(self, cloud: CloudUnderTest) -> None:
        """A start answers with a node that was not there before, and the list shows it.

        It answers once the cloud has accepted and named the node, in the words in which the list
        shows it.
        """
        before = set(cloud.nodes())
        node = expect(cloud.try_start(cloud.start_body("start")), 200)["nodes"]
        assert node["id"] not in before, f"{node['id']!r} was there before"
        assert node["name"], f"a node without a name: {node}"
        listed = cloud.wait_until_listed(node["id"])
        assert listed["name"] == node["name"], f"named {node['name']!r}, listed {listed['name']!r}"

    @behaviour("C21", "start_vm", "list_nodes")
    def test_starts_at_once(self, cloud: CloudUnderTest) -> None:
        """Several starts at once make as many nodes, all of which the list shows.

        A list is complete or it is an error. How many, the fake tells as ``many``: more than
        come on one page.
        """
        body, before = cloud.start_body("together"), set(cloud.made)
        many = cloud.fake.many
        try:
            answers = together([lambda: cloud.try_start(body)] * many)
            ids = {expect(answer, 200)["nodes"]["id"] for answer in answers}
            assert len(ids) == many, f"{many} starts made {len(ids)} nodes"
            shown = f"all of {sorted(ids)} were to show in the list of nodes"
            cloud.wait_for(lambda: set(cloud.nodes()), lambda seen: ids <= seen, shown)
        finally:
            for node_id in sorted(cloud.made - before):
                answer = cloud.api.put("/vm/stop/cloud", {"node": node_id})
                assert HANGS not in answer.message, f"stop_vm blocks: {answer}"
        for node_id in ids:
            cloud.wait_until_gone(node_id)

    @behaviour("C22", "start_vm", "list_nodes")
    def test_unknown_image(self, cloud: CloudUnderTest) -> None:
        """An image that is not there is refused by its name, and nothing is started.

        The caller is told what to mend, with 400.
        """
        _refused(cloud, "image")

    @behaviour("C23", "start_vm", "list_nodes")
    def test_unknown_size(self, cloud: CloudUnderTest) -> None:
        """A size that is not there is refused by its name, and nothing is started.

        The caller is told what to mend, with 400.
        """
        _refused(cloud, "size")

    @behaviour("C24", "start_vm", "list_nodes")
    def test_options(self, cloud: CloudUnderTest) -> None:
        """A key's name and metadata are taken, or refused before anything is started: 200 or 400.

        Nobody may lose a start because the driver fails at something that it never expected, and
        nobody may have a node that was refused.
        """
        for name, value in (("keyname", "a-key"), ("metadata", {"project": "conformance"})):
            _taken_or_refused(cloud, {**cloud.start_body("options"), name: value})

    @behaviour("C25", "start_vm", "list_nodes")
    def test_names(self, cloud: CloudUnderTest) -> None:
        """Long and foreign names are taken, or refused before anything is started: 200 or 400.

        What the cloud does with such names, the driver has to know: an error of the cloud tells the
        caller nothing.
        """
        for name in ("a" * 200, "Ελλάδα 中文", "a.b_c/d"):
            _taken_or_refused(cloud, cloud.start_body(name))

    @behaviour("C26", "start_vm", "list_nodes")
    def test_the_marker_stays_inside(self, cloud: CloudUnderTest) -> None:
        """The marker that a start puts on its node is shown to nobody.

        Callers would come to depend on it, and who knows it can make a node look like ours.
        """
        node_id = cloud.start("marker")["id"]
        operations = expect(cloud.api.get("/operations?kind=start_vm"), 200)["operations"]
        (operation,) = (one["id"] for one in operations if one["node"] == node_id)
        for path in ("/nodes/cloud", f"/nodes/cloud/{quote(node_id, safe='')}"):
            shown = cloud.api.get(path)
            assert operation not in shown.text, f"the marker shows in {shown}"
        started = expect(cloud.api.get(f"/operations/{operation}"), 200)["operation"]["result"]
        assert operation not in str(started), "the marker shows in the answer to the start"

    @behaviour("C27", "start_vm", "stop_vm", "list_nodes")
    def test_stop(self, cloud: CloudUnderTest) -> None:
        """A stop destroys that one node.

        What is next to it in any order stays.
        """
        kept, stopped = cloud.start("kept")["id"], cloud.start("stopped")["id"]
        cloud.stop(stopped)
        assert kept in cloud.nodes(), f"stopping {stopped!r} destroyed {kept!r} too"

    @behaviour("C28", "stop_vm", "list_nodes")
    def test_stop_by_name(self, cloud: CloudUnderTest) -> None:
        """A stop by name destroys the node of that name.

        A name that is shown for a node has to stay that node's.
        """
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
        """A stop of a node that is not there is refused by its name, and nothing is destroyed.

        ``NodeNotFound`` it must be: to the core that word says that a node is gone.
        """
        before = set(cloud.nodes())
        cloud.has_none("stop_vm", _NO)
        assert before <= set(cloud.nodes()), f"destroyed: {before - set(cloud.nodes())}"

    @behaviour("C30", "start_vm", "stop_vm", "list_nodes")
    def test_stops_at_once(self, cloud: CloudUnderTest) -> None:
        """Several stops at once destroy as many nodes.

        None of them is lost because another was under way.
        """
        ids = [cloud.start("many")["id"] for _ in range(min(3, cloud.fake.many))]
        stops = [partial(cloud.api.put, "/vm/stop/cloud", {"node": node_id}) for node_id in ids]
        for answer in together(stops):
            expect(answer, 200)
        for node_id in ids:
            cloud.wait_until_gone(node_id)

    @behaviour("C31", "stop_vm", "list_nodes")
    def test_stop_of_nearly_something(self, cloud: CloudUnderTest) -> None:
        """A stop of an id that is only nearly a node's destroys nothing.

        An id is compared whole: not its beginning, and not without its case.
        """
        if cloud.subject.live:
            raise DoesNotApply("of real clouds nobody asks for nearly somebody's node")
        cloud.some_node()
        before = set(cloud.nodes())
        for node_id in cloud.nearly(*before):
            with suppress(OrchestratorError):
                cloud.served.ask("cloud", "stop_vm", node_id=node_id)
            gone = before - set(cloud.nodes())
            assert not gone, f"a stop of {node_id!r} destroyed {gone}"

    @behaviour("C32", "start_vm", "stop_vm", "list_nodes")
    def test_ids_are_not_used_again(self, cloud: CloudUnderTest) -> None:
        """The id of a node that was destroyed is never given to another.

        Whoever still knows the old node would destroy the new one.
        """
        cloud.stop(cloud.start("again")["id"])
        before = set(cloud.made)
        node_id = cloud.start("again")["id"]
        assert node_id not in before, f"{node_id!r} was the id of another node"

    @behaviour("C33", "start_vm", "stop_vm", "get_node", "list_nodes")
    def test_what_is_destroyed_is_not_found_any_more(self, cloud: CloudUnderTest) -> None:
        """A node that was destroyed is not found alone either.

        To the core a node is gone once it is not found: one out of a cache never is.
        """
        node_id = cloud.start("gone")["id"]
        path = f"/nodes/cloud/{quote(node_id, safe='')}"
        expect(cloud.api.get(path), 200)
        cloud.stop(node_id)
        cloud.wait_for(lambda: cloud.api.get(path), _gone, f"{node_id!r} was to be found no more")

    @behaviour("C34", "stop_vm", "list_nodes")
    def test_stop_of_an_id_that_a_url_changes(self, cloud: CloudUnderTest) -> None:
        """A stop takes an id as it is, with all that a URL gives a meaning to.

        ``? # / % .. ;`` and a space in an id are part of it, encoded or not: there is no such node,
        and none is destroyed. A plugin that puts an id into a URL escapes it
        (``urllib.parse.quote(node_id, safe="")``).
        """
        node_id = cloud.some_node()
        for strange in cloud.strange(node_id):
            cloud.takes_none("stop_vm", node_id=strange)
            assert node_id in cloud.nodes(), f"a stop of {strange!r} destroyed {node_id!r}"


def _gone(answer: Answer) -> bool:
    return answer.status != _OK or answer.json["nodes"]["state"] == TERMINATED


def _taken_or_refused(cloud: CloudUnderTest, body: Json) -> None:
    before = set(cloud.nodes())
    answer = cloud.try_start(body)
    expect(answer, (_OK, _BAD))
    new = set(cloud.nodes()) - before - cloud.made
    assert not new, f"it was answered with {answer.status}, and these were started: {new}"


def _refused(cloud: CloudUnderTest, field: str) -> None:
    before = set(cloud.nodes())
    answer = cloud.try_start({**cloud.start_body("refused"), field: _NO})
    expect(answer, 400, _NO)
    new = set(cloud.nodes()) - before
    assert not new, f"started all the same: {new}"
