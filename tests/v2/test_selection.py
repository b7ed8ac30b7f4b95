"""Sorted and selected lists of nodes, and cursors in them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from orchestrator_core import Node, NodeState
from orchestrator_core.api.v2.label_selector import read_selector
from orchestrator_core.api.v2.problems import InvalidQuery
from orchestrator_core.api.v2.selection import Selection
from orchestrator_core.api.v2.sorting import Order, Position
from tests.v2.conftest import Client

NODES = "/clouds/fake_driver/nodes"
TAGS = {"env": "prod", "tier": "web", "gpu": "", "app": "a=b c"}

FITS = [
    ("env", True),
    ("!env", False),
    ("other", False),
    ("!other", True),
    ("gpu", True),
    ("env=prod", True),
    ("env==prod", True),
    (" env = prod ", True),
    ("env=dev", False),
    ("env!=prod", False),
    ("env!=dev", True),
    ("other!=dev", True),
    ("gpu=", True),
    ("env=", False),
    ("app=a=b c", True),
    ("env in (dev,prod)", True),
    ("env in (dev, test)", False),
    ("env notin (dev)", True),
    ("env notin (prod , dev)", False),
    ("other notin (prod)", True),
    ("env=prod,tier=web", True),
    ("env=prod,tier=db", False),
    ("env in (prod,dev),!other,tier!=db", True),
]


@pytest.mark.parametrize(("selector", "fits"), FITS)
def test_selectors(selector: str, fits: bool) -> None:  # noqa: FBT001 - a table of cases
    assert all(one.fits(TAGS) for one in read_selector(selector)) is fits


@pytest.mark.parametrize(
    "selector",
    [
        *("", ",", "env,", ",env", "=prod", "!", "!env=prod", "env in ()", "env in prod", "a b"),
        *("env in (a", "env)", "(env)", "env=(a)", "env in (a) x", "!!env", "a=b(c"),
    ],
)
def test_malformed_selectors(selector: str) -> None:
    with pytest.raises(InvalidQuery) as raised:
        read_selector(selector)
    assert raised.value.field == "label_selector"


def test_the_time_for_a_selector_is_linear() -> None:
    with pytest.raises(InvalidQuery):
        read_selector("a=" + " " * 200_000 + "(")
    with pytest.raises(InvalidQuery):
        read_selector("a" + " " * 200_000 + "(")


def nodes() -> list[Node]:
    """Return nodes with every mix of equal, different and missing values."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = itertools.product(["b", "a"], [None, "2", "1"], [None, 1, 0])
    return [
        Node(
            f"n{number:02}",
            name,
            NodeState.RUNNING if number % 2 else NodeState.STOPPED,
            size=size,
            created_at=None if hours is None else start + timedelta(hours=hours),
        )
        for number, (name, size, hours) in enumerate(made)
    ]


def test_values_are_sorted_and_missing_ones_come_last() -> None:
    for sort, descends in (("size", False), ("-size", True)):
        sizes = [node.size for node in Order.read(sort).of(nodes())]
        known = [size for size in sizes if size is not None]
        assert known == sorted(known, reverse=descends)
        assert sizes[: len(known)] == known
    order = Order.read("name,-created_at").of(nodes())
    assert [node.name for node in order] == ["a"] * 9 + ["b"] * 9
    assert [node.created_at is None for node in order[:9]] == [False] * 6 + [True] * 3


@pytest.mark.parametrize("sort", ["name", "-name", "size,-created_at", "-state,-size,name", "-id"])
def test_each_place_is_found_again(sort: str) -> None:
    order = Order.read(sort)
    in_order = order.of(nodes())
    for at, node in enumerate(in_order):
        position = Position.read(order.position(node).text())
        without = [one for one in in_order if one is not node]  # it may be gone by then
        assert order.after(position, in_order) == order.after(position, without)
        assert order.after(position, in_order) == in_order[at + 1 :]


@pytest.mark.parametrize("text", ["", "1", "[]", '["name",[1],"1"]', '["name",[],"1"]', "[" * 9000])
def test_places_that_are_not_ours(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the caller's own
        Position.read(text)


def test_selections_of_equal_queries_are_equal() -> None:
    given = {"name": "a*", "label_selector": "env in (a,b)", "sort": "name"}
    assert Selection.read(given) == Selection.read(dict(given))
    assert hash(Selection.read(given)) == hash(Selection.read(dict(given)))


@pytest.fixture(scope="module")
def tagged(client: Client) -> Client:
    for tags in ({"env": "prod"}, {"env": "dev", "gpu": ""}, {"env": "prod", "gpu": ""}):
        body = {"name": "x", "image": "1", "size": "2", "tags": tags}
        assert client.post(NODES, body).status_code == 201
    return client


def ids(client: Client, query: str) -> list[str]:
    answer = client.get(f"{NODES}?{query}")
    assert answer.status_code == 200, answer.text
    return [node["id"] for node in answer.json()["nodes"]]


def test_selected_nodes_are_sorted(tagged: Client) -> None:
    assert ids(tagged, "label_selector=env=prod") == ["3", "5"]
    assert ids(tagged, f"label_selector={quote('env in (prod,dev),gpu')}&sort=-id") == ["5", "4"]
    assert ids(tagged, "label_selector=!env&sort=-name") == ["2", "1"]
    assert ids(tagged, "sort=-size,-created_at") == ["5", "4", "3", "1", "2"]


def test_pages_of_a_sorted_list(tagged: Client) -> None:
    query, found = "sort=-created_at,name&limit=2", []
    while query:
        page: dict[str, Any] = tagged.get(f"{NODES}?{query}").json()
        found += [node["id"] for node in page["nodes"]]
        query = page["next"] and f"sort=-created_at,name&limit=2&cursor={page['next']}"
    assert found == ["5", "4", "3", "1", "2"]


@pytest.mark.parametrize("sort", ["&sort=name", "&sort=created_at", ""])
def test_a_cursor_of_another_sort_is_refused(tagged: Client, sort: str) -> None:
    for own in ("sort=-created_at", "sort=name,id", ""):
        cursor = tagged.get(f"{NODES}?limit=1&{own}").json()["next"]
        if own or sort:
            answer = tagged.get(f"{NODES}?limit=1&cursor={cursor}{sort}")
            assert answer.status_code == 400, answer.text
            (one,) = answer.json()["errors"]
            assert (one["parameter"], "another sort" in one["detail"]) == ("cursor", True)


@pytest.mark.parametrize(
    "query", ["sort=colour", "sort=", "sort=name,", "sort=name,-name", "label_selector=a in ()"]
)
def test_faults_are_refused(client: Client, query: str) -> None:
    for path in (NODES, "/nodes"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


def test_the_nodes_of_all_clouds_are_sorted_together(tagged: Client) -> None:
    found = [node["id"] for node in tagged.get("/nodes?sort=-id").json()["nodes"]]
    assert found == ["5", "4", "3", "2", "1"]


@pytest.mark.parametrize(("key", "name"), [("sizes", "Big"), ("locations", "Kiwi")])
def test_every_list_is_filtered_by_name(client: Client, key: str, name: str) -> None:
    (one,) = client.get(f"/clouds/fake_driver/{key}?name={name[:2]}*").json()[key]
    assert one["name"] == name
