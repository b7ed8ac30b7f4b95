"""``limit`` and ``marker`` on every list of a cloud."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import Server

LISTS = {"nodes": 2, "images": 3, "flavors": 4, "locations": 2}


@pytest.fixture
def get(shared: Server) -> Any:
    def ask(path: str) -> httpx2.Response:
        return loopback.get(f"{shared.url}/api/v1{path}")

    return ask


@pytest.mark.parametrize("key", LISTS)
def test_the_pages_together_are_the_whole_list(get: Any, key: str) -> None:
    whole = get(f"/{key}").json()[key]
    assert len(whole) == LISTS[key]
    for limit in (1, 2, 3, 100):
        found: list[Any] = []
        path = f"/{key}?limit={limit}"
        while True:
            page = get(path).json()
            assert list(page) == ["status", key, "next_marker"]
            assert len(page[key]) <= limit
            found += page[key]
            if page["next_marker"] is None:
                break
            assert page[key]
            path = f"/{key}/fake_driver?limit={limit}&marker={page['next_marker']}"
        assert found == whole


def test_a_marker_that_is_gone_still_marks_its_place(get: Any) -> None:
    found = get("/images?marker=1x").json()
    assert [image["id"] for image in found["images"]] == ["2", "3"]


def test_without_them_the_answer_is_the_documented_one(get: Any) -> None:
    assert list(get("/nodes").json()) == ["status", "nodes"]
    assert list(get("/nodes?other=1").json()) == ["status", "nodes"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=%C2%B2", "limit"),
        ("limit=9999999999", "limit"),
        ("limit=1&limit=2", "limit"),
        ("marker=", "marker"),
        ("marker=a&marker=b", "marker"),
        (f"marker={'x' * 1025}", "marker"),
    ],
)
def test_what_is_no_page_is_refused(get: Any, query: str, field: str) -> None:
    answer = get(f"/nodes?{query}")
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert answer.json()["message"].startswith(f"Param not valid: {field}: ")
