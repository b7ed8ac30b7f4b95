"""Behaviours C20 to C39: starts and stops of nodes."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final
from urllib.parse import quote

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.testing.behaviours.behaviour import behaviour
from orchestrator_core.testing.behaviours.cloud_reads import BaseCloudReady
from orchestrator_core.testing.targets.api import V2, Answer, Json
from orchestrator_core.testing.targets.cloud import TERMINATED, CloudUnderTest
from orchestrator_core.testing.targets.target import DoesNotApply, expect, together
from orchestrator_core.testing.targets.witness import HANGS

_NO: Final = "no-such-thing"
_OK: Final = 200
_BAD: Final = 400


class BaseCloudChanges(BaseCloudReady):
    """The behaviours of starts and stops."""

    @behaviour("C20", "start_vm", "list_nodes")
    def test_start(self, cloud: CloudUnderTest) -> None:
        """A start returns a new node, and the list shows it.

        It returns when the cloud has accepted and named the node, with the name that the list
        shows.
        """
        before = set(cloud.nodes())
        node = expect(cloud.try_start(cloud.start_body("start")), 200)["nodes"]
        assert node["id"] not in before, f"node {node['id']!r} existed before the start"
        assert node["name"], f"the node is without a name: {node}"
        listed = cloud.wait_until_listed(node["id"])
        assert listed["name"] == node["name"], f"named {node['name']!r}, listed {listed['name']!r}"

    @behaviour("C21", "start_vm", "list_nodes")
    def test_starts_at_once(self, cloud: CloudUnderTest) -> None:
        """Several starts at once create as many nodes, and the list shows all of them.

        A list is complete or it is an error. The fake says in ``many`` how many nodes are started:
        more than one page holds.
        """
        body, before = cloud.start_body("together"), set(cloud.made)
        many = cloud.fake.many
        try:
            answers = together([lambda: cloud.try_start(body)] * many)
            ids = {expect(answer, 200)["nodes"]["id"] for answer in answers}
            assert len(ids) == many, f"{many} starts made {len(ids)} nodes"
            shown = f"all of {sorted(ids)} must appear in the list of nodes"
            cloud.wait_for(lambda: set(cloud.nodes()), lambda seen: ids <= seen, shown)
        finally:
            for node_id in sorted(cloud.made - before):
                answer = cloud.api.put("/vm/stop/cloud", {"node": node_id})
                assert HANGS not in answer.message, f"stop_vm blocks: {answer}"
        for node_id in ids:
            cloud.wait_until_gone(node_id)

    @behaviour("C22", "start_vm", "list_nodes")
    def test_unknown_image(self, cloud: CloudUnderTest) -> None:
        """A start with an unknown image is refused with a message that names it; nothing starts.

        The answer is 400 and says what the caller has to correct.
        """
        _refused(cloud, "image")

    @behaviour("C23", "start_vm", "list_nodes")
    def test_unknown_size(self, cloud: CloudUnderTest) -> None:
        """A start with an unknown size is refused with a message that names it; nothing starts.

        The answer is 400 and says what the caller has to correct.
        """
        _refused(cloud, "size")

    @behaviour("C24", "start_vm", "list_nodes")
    def test_options(self, cloud: CloudUnderTest) -> None:
        """A key name and metadata are accepted, or refused before any start: 200 or 400.

        A start must not be lost because the driver fails at a parameter that it does not expect,
        and a refused start must not leave a node.
        """
        for name, value in (("keyname", "a-key"), ("metadata", {"project": "conformance"})):
            _taken_or_refused(cloud, {**cloud.start_body("options"), name: value})

    @behaviour("C25", "start_vm", "list_nodes")
    def test_names(self, cloud: CloudUnderTest) -> None:
        """Long and non-ASCII names are accepted, or refused before any start: 200 or 400.

        The driver must know what the cloud does with such names. A failure of the cloud would not
        help the caller.
        """
        for name in ("a" * 200, "Ελλάδα 中文", "a.b_c/d"):
            _taken_or_refused(cloud, cloud.start_body(name))

    @behaviour("C26", "start_vm", "list_nodes")
    def test_the_marker_stays_inside(self, cloud: CloudUnderTest) -> None:
        """The marker that a start puts on its node is never shown to callers.

        Callers would depend on it, and a person who knows it can make a node look like one that the
        server started.
        """
        node_id = cloud.start("marker")["id"]
        operations = expect(cloud.api.get(f"{V2}/operations?kind=start_vm"), 200)["operations"]
        (operation,) = (one["id"] for one in operations if one["node"] == node_id)
        for path in ("/nodes/cloud", f"/nodes/cloud/{quote(node_id, safe='')}"):
            shown = cloud.api.get(path)
            assert operation not in shown.text, f"the marker appears in {shown}"
        started = expect(cloud.api.get(f"{V2}/operations/{operation}"), 200)["result"]
        assert operation not in str(started), "the marker appears in the answer to the start"

    @behaviour("C27", "start_vm", "stop_vm", "list_nodes")
    def test_stop(self, cloud: CloudUnderTest) -> None:
        """A stop destroys only the named node.

        Its neighbours in any order remain.
        """
        kept, stopped = cloud.start("kept")["id"], cloud.start("stopped")["id"]
        cloud.stop(stopped)
        assert kept in cloud.nodes(), f"the stop of {stopped!r} destroyed {kept!r} too"

    @behaviour("C28", "stop_vm", "list_nodes")
    def test_stop_by_name(self, cloud: CloudUnderTest) -> None:
        """A stop by name destroys the node with that name.

        A node must keep the name that the list shows for it.
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
        """A stop of an unknown node is refused with its id in the message; nothing is destroyed.

        The error must be ``NodeNotFound``: to the core it means that the node is gone.
        """
        before = set(cloud.nodes())
        cloud.has_none("stop_vm", _NO)
        assert before <= set(cloud.nodes()), f"destroyed: {before - set(cloud.nodes())}"

    @behaviour("C30", "start_vm", "stop_vm", "list_nodes")
    def test_stops_at_once(self, cloud: CloudUnderTest) -> None:
        """Several stops at once destroy all their nodes.

        No stop is lost because another one is in progress.
        """
        ids = [cloud.start("many")["id"] for _ in range(min(3, cloud.fake.many))]
        stops = [partial(cloud.api.put, "/vm/stop/cloud", {"node": node_id}) for node_id in ids]
        for answer in together(stops):
            expect(answer, 200)
        for node_id in ids:
            cloud.wait_until_gone(node_id)

    @behaviour("C31", "stop_vm", "list_nodes")
    def test_stop_of_nearly_something(self, cloud: CloudUnderTest) -> None:
        """A stop of an id that is only similar to a node's id destroys nothing.

        Ids are compared whole, and upper and lower case differ.
        """
        if cloud.subject.live:
            raise DoesNotApply("a live run sends no id that is similar to another node's")
        cloud.some_node()
        before = set(cloud.nodes())
        for node_id in cloud.nearly(*before):
            with suppress(OrchestratorError):
                cloud.served.ask("cloud", "stop_vm", node_id=node_id)
            gone = before - set(cloud.nodes())
            assert not gone, f"a stop of {node_id!r} destroyed {gone}"

    @behaviour("C32", "start_vm", "stop_vm", "list_nodes")
    def test_ids_are_not_used_again(self, cloud: CloudUnderTest) -> None:
        """The id of a destroyed node is never given to another node.

        A caller who still knows the old node would destroy the new one.
        """
        cloud.stop(cloud.start("again")["id"])
        before = set(cloud.made)
        node_id = cloud.start("again")["id"]
        assert node_id not in before, f"{node_id!r} was already the id of another node"

    @behaviour("C33", "start_vm", "stop_vm", "get_node", "list_nodes")
    def test_what_is_destroyed_is_not_found_any_more(self, cloud: CloudUnderTest) -> None:
        """A destroyed node is no longer found by its id.

        To the core, a node is gone when it is no longer found. A plugin that returns it from a
        cache hides that.
        """
        node_id = cloud.start("gone")["id"]
        path = f"/nodes/cloud/{quote(node_id, safe='')}"
        expect(cloud.api.get(path), 200)
        cloud.stop(node_id)
        gone = f"node {node_id!r} must no longer be found"
        cloud.wait_for(lambda: cloud.api.get(path), _gone, gone)

    @behaviour("C34", "stop_vm", "list_nodes")
    def test_stop_of_an_id_that_a_url_changes(self, cloud: CloudUnderTest) -> None:
        """A stop takes an id unchanged, including characters with a meaning in URLs.

        ``? # / % .. ;`` and a space are part of an id, encoded or not. There is no such node, and
        no node is destroyed. A plugin that puts an id into a URL escapes it
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
    assert not new, f"the status was {answer.status}, but these nodes were started: {new}"


def _refused(cloud: CloudUnderTest, field: str) -> None:
    before = set(cloud.nodes())
    answer = cloud.try_start({**cloud.start_body("refused"), field: _NO})
    expect(answer, 400, _NO)
    new = set(cloud.nodes()) - before
    assert not new, f"the start was refused, but these nodes were started: {new}"
