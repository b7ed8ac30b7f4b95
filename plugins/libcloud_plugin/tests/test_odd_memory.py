"""The memory of odd items: the next list does not search for them again.

Linode's real driver against a provider on loopback; the work is measured by the number of nodes
that it makes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import refused_parts
from any_host import Reply
from libcloud.compute.drivers.linode import LinodeNodeDriverV4

from orchestrator_core import Deadline, InvalidAnswer, Node, NodeState
from orchestrator_libcloud import LibcloudDriver
from orchestrator_libcloud.answers.odd_memory import OddMemory
from orchestrator_libcloud.nodes import odd_log

Served = Callable[..., LibcloudDriver]
NODES = 500


def _node(number: int, **more: Any) -> dict[str, Any]:
    words = dict.fromkeys(("region", "hypervisor", "type", "image"), "x")
    parts: dict[str, Any] = {name: {} for name in ("specs", "alerts", "backups")}
    moments = dict.fromkeys(("created", "updated"), "2026-01-02T03:04:05")
    named = {"id": number, "label": f"n{number}", "ipv4": ["45.1.2.3"], "ipv6": None}
    told = {"status": "running", "tags": [], "watchdog_enabled": True}
    return {**words, **parts, **moments, **named, **told, **more}


class Linode:
    """One Linode account.

    Attributes:
        nodes: as the API shows them.
        made: the number of nodes that the driver has made from them.
    """

    def __init__(self) -> None:
        self.nodes = [_node(number) for number in range(1, NODES + 1)]
        self.made = 0

    def __call__(self, _: Any) -> Reply:
        found = {"data": self.nodes, "page": 1, "pages": 1, "results": len(self.nodes)}
        return refused_parts.in_json(found)


@pytest.fixture
def linode(monkeypatch: pytest.MonkeyPatch) -> Linode:
    cloud = Linode()
    convert: Any = LinodeNodeDriverV4._to_node

    def counted(self: Any, data: Any) -> Any:
        cloud.made += 1
        return convert(self, data)

    monkeypatch.setattr(LinodeNodeDriverV4, "_to_node", counted)
    monkeypatch.setattr(odd_log, "_told", OddMemory())  # Other tests have logged such items.
    return cloud


def listed(driver: LibcloudDriver, cloud: Linode) -> tuple[list[Node], int]:
    """Return the nodes, and the number of nodes that the driver made for them."""
    cloud.made = 0
    nodes = driver.list_nodes(deadline=Deadline(120))
    return nodes, cloud.made


@pytest.mark.parametrize(
    "odd", [{"ipv4": 7}, {"created": "yesterday"}, {"status": 1, "ipv4": None}], ids=str
)
def test_a_known_odd_item_is_not_searched_again(
    served: Served, linode: Linode, odd: dict[str, Any]
) -> None:
    driver = served("linode", linode)
    linode.nodes[333] |= odd
    first, _ = listed(driver, linode)
    second, made = listed(driver, linode)
    assert made <= NODES + 3
    assert second == first
    assert [node.name for node in second] == [f"n{n}" for n in range(1, NODES + 1)]


def test_the_first_search_halves_the_list(served: Served, linode: Linode) -> None:
    driver = served("linode", linode)
    linode.nodes[333]["ipv4"] = 7
    _, made = listed(driver, linode)
    assert made < 6 * NODES


def test_an_item_that_moves_stays_known_and_is_told_once(
    served: Served, linode: Linode, caplog: pytest.LogCaptureFixture
) -> None:
    driver = served("linode", linode)
    linode.nodes[333] |= {"ipv4": 7, "label": "moves"}
    with caplog.at_level(logging.WARNING):
        listed(driver, linode)
        linode.nodes[:0] = [_node(9001), _node(9002)]
        nodes, made = listed(driver, linode)
        linode.nodes[335]["tags"] = ["another"]
        listed(driver, linode)
    assert made <= NODES + 2 + 3
    assert len(nodes) == NODES + 2
    assert sum("moves" in record.getMessage() for record in caplog.records) == 1


def test_an_item_that_is_odd_in_another_way_is_told_again(
    served: Served, linode: Linode, caplog: pytest.LogCaptureFixture
) -> None:
    driver = served("linode", linode)
    with caplog.at_level(logging.WARNING):
        for odd in (7, 8, 8):
            linode.nodes[333] |= {"ipv4": odd, "label": "changes"}
            nodes, _ = listed(driver, linode)
            assert nodes[333].public_ips == []
    assert sum("changes" in record.getMessage() for record in caplog.records) == 2


def test_an_item_that_is_well_again_is_shown_whole(served: Served, linode: Linode) -> None:
    driver = served("linode", linode)
    linode.nodes[333]["ipv4"] = 7
    listed(driver, linode)
    linode.nodes[333]["ipv4"] = ["45.9.9.9"]
    nodes, made = listed(driver, linode)
    assert nodes[333].public_ips == ["45.9.9.9"]
    assert made == NODES


def test_another_odd_item_beside_a_known_one(served: Served, linode: Linode) -> None:
    driver = served("linode", linode)
    linode.nodes[333]["created"] = "yesterday"
    listed(driver, linode)
    linode.nodes[17]["ipv4"] = 7
    for _ in range(2):
        nodes, made = listed(driver, linode)
        assert [node.public_ips == [] for node in nodes].count(True) == 1
        assert {node.state for node in nodes} == {NodeState.RUNNING}
    assert made <= NODES + 5
    assert "2001-01-01" not in repr(nodes)


def test_an_item_that_cannot_be_shown_is_refused_at_once(served: Served, linode: Linode) -> None:
    driver = served("linode", linode)
    linode.nodes[333]["id"] = None
    for _ in range(2):
        linode.made = 0
        with pytest.raises(InvalidAnswer, match=r"node 334 'n334' .*: id is null"):
            driver.list_nodes(deadline=Deadline(120))
    assert linode.made <= NODES


def test_items_that_are_all_odd_are_known_too(served: Served, linode: Linode) -> None:
    driver = served("linode", linode)
    for node in linode.nodes:
        node["ipv4"] = 7
    listed(driver, linode)
    nodes, made = listed(driver, linode)
    assert [node.public_ips for node in nodes] == [[]] * NODES
    assert made == NODES


def test_the_memory_is_bounded() -> None:
    memory = OddMemory()
    most = 10_000
    tree = [{"id": number, "odd": None} for number in range(most + 5)]
    for number in range(most + 5):
        memory.note("node", tree, (number, "odd"), [])
    found = list(memory.found_in("node", tree))
    assert len(found) == most
    assert found[-1] == ((most + 4, "odd"), [])
    assert not list(memory.found_in("image", tree))
