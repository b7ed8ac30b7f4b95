"""``limit`` and ``cursor`` on every list of a cloud."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core.api.v2.cursors import cursor_after
from tests.v2.conftest import Client

LISTS = ("nodes", "images", "sizes", "locations", "keypairs", "networks", "firewalls")
CLOUD = "/clouds/fake_driver"


@pytest.mark.parametrize("key", LISTS)
def test_the_pages_together_are_the_whole_list(client: Client, key: str) -> None:
    whole = client.get(f"{CLOUD}/{key}").json()[key]
    assert whole
    for limit in (1, 2, 3, 100):
        found: list[Any] = []
        path = f"{CLOUD}/{key}?limit={limit}"
        while True:
            page = client.get(path).json()
            assert set(page) == {key, "next"}
            assert len(page[key]) <= limit
            found += page[key]
            if page["next"] is None:
                break
            assert page[key]
            path = f"{CLOUD}/{key}?limit={limit}&cursor={page['next']}"
        assert found == whole


def test_a_cursor_whose_item_is_gone_still_marks_its_place(client: Client) -> None:
    found = client.get(f"{CLOUD}/images?cursor={cursor_after('1x')}").json()
    assert [image["id"] for image in found["images"]] == ["2", "3"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=%C2%B2", "limit"),
        ("limit=9999999999", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=", "cursor"),
        ("cursor=a&cursor=b", "cursor"),
        ("cursor=MTo", "cursor"),
        ("marker=1", "marker"),
    ],
)
def test_what_is_no_page_is_refused(client: Client, query: str, parameter: str) -> None:
    answer = client.get(f"{CLOUD}/nodes?{query}")
    assert answer.status_code == 400
    assert [fault["parameter"] for fault in answer.json()["errors"]] == [parameter]
