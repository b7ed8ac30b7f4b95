"""Cached images and sizes, and their age."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import DUMMY, Server, running

KEPT = DUMMY + "[clouds.fake_driver.cache]\nimages = 60\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(KEPT, tmp_path_factory.mktemp("kept")) as server:
        yield server


def calls(server: Server) -> int:
    return server.log().count("operation=list_images outcome=ok")


def get(server: Server, path: str = "/images", **headers: str) -> httpx2.Response:
    return loopback.get(f"{server.url}/api/v1{path}", headers=headers)


def test_an_answer_is_kept_and_tells_its_age(server: Server) -> None:
    first = get(server)
    before = calls(server)
    second = get(server)
    assert first.json() == second.json()
    assert first.headers["Cache-Control"] == "private, max-age=60"
    assert 0 <= int(first.headers["Age"]) <= int(second.headers["Age"]) < 60
    assert get(server, "/images/fake_driver").json() == first.json()
    assert calls(server) == before


@pytest.mark.parametrize(
    "header",
    [
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "No-Store"},
        {"Cache-Control": "x=y, max-age=0"},
        {"Pragma": "no-cache"},
    ],
)
def test_who_wants_a_fresh_one_gets_it(server: Server, header: dict[str, Any]) -> None:
    get(server)
    before = calls(server)
    get(server, **header)
    assert calls(server) == before + 1


@pytest.mark.parametrize("header", ["max-age=1000", "max-stale", "only-if-cached", 'x="no-cache'])
def test_who_does_not_gets_the_kept_one(server: Server, header: str) -> None:
    get(server)
    before = calls(server)
    get(server, **{"Cache-Control": header})
    assert calls(server) == before


def test_what_is_not_kept_says_nothing(server: Server) -> None:
    for path in ("/nodes", "/sizes", "/locations"):
        assert "Age" not in get(server, path).headers
        assert "Cache-Control" not in get(server, path).headers
