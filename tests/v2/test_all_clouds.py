"""``GET /nodes``: clouds that answered, clouds that did not, and complete lists only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import loopback
from tests.conftest import DUMMY, Serve, ec2, running

SECOND = '[clouds.second]\ndriver = "dummy"\n'
QUICK = "retries = 0\n[clouds.{name}.deadlines]\nlist_nodes = 0.5\n"


@pytest.fixture(scope="module")
def get(
    tmp_path_factory: pytest.TempPathFactory, silent_port: int, closed_port: int
) -> Iterator[Any]:
    hanging = ec2("hanging", silent_port, QUICK.format(name="hanging"))
    gone = ec2("gone", closed_port, QUICK.format(name="gone"))
    directory = tmp_path_factory.mktemp("clouds")
    with running(DUMMY + SECOND + hanging + gone, directory) as server:
        yield lambda path: loopback.get(f"{server.url}/api/v2{path}", timeout=20)


def test_one_answer_for_all(get: Any) -> None:
    whole = get("/nodes?clouds=fake_driver,second")
    assert whole.status_code == 200
    found = whole.json()
    assert list(found) == ["nodes", "complete", "clouds"]
    assert found["complete"] is True
    for name in ("fake_driver", "second"):
        alone = get(f"/clouds/{name}/nodes").json()["nodes"]
        assert [node for node in found["nodes"] if node["cloud"] == name] == alone
    assert [list(cloud) for cloud in found["clouds"]] == [
        ["name", "answered", "seconds", "error_code", "detail"]
    ] * 2


def test_a_cloud_that_does_not_answer_is_named_and_the_answer_is_not_complete(get: Any) -> None:
    partial = get("/nodes")
    assert partial.status_code == 200
    found = partial.json()
    assert found["complete"] is False
    assert {node["cloud"] for node in found["nodes"]} == {"fake_driver", "second"}
    clouds = {cloud["name"]: cloud for cloud in found["clouds"]}
    assert {name: cloud["answered"] for name, cloud in clouds.items()} == {
        "fake_driver": True,
        "second": True,
        "hanging": False,
        "gone": False,
    }
    assert (clouds["fake_driver"]["error_code"], clouds["fake_driver"]["detail"]) == (None, None)
    assert clouds["hanging"]["error_code"] == "cloud_timeout"
    assert "did not answer" in clouds["hanging"]["detail"]
    assert clouds["hanging"]["seconds"] >= 0.5
    assert "127.0.0.1" not in partial.text.replace('"public_ips":["127.0.0.1"]', "")


def test_if_no_cloud_answers_the_error_says_why(get: Any) -> None:
    nothing = get("/nodes?clouds=hanging,gone")
    assert nothing.status_code == 503
    found = nothing.json()
    assert found["error_code"] == "no_cloud_answered"
    assert [cloud["answered"] for cloud in found["clouds"]] == [False, False]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("clouds=", "clouds"),
        ("clouds=second,other", "clouds"),
        ("clouds=*", "clouds"),
        ("clouds=default", "clouds"),
        ("clouds=second&clouds=second", "clouds"),
        ("clouds=second&limit=1", "limit"),
        ("clouds=second&cursor=1", "cursor"),
    ],
)
def test_what_cannot_be_asked(get: Any, query: str, parameter: str) -> None:
    answer = get(f"/nodes?{query}")
    assert answer.status_code == 400
    assert [fault["parameter"] for fault in answer.json()["errors"]] == [parameter]


def test_a_cloud_named_twice_is_asked_once(get: Any) -> None:
    found = get("/nodes?clouds=second, second").json()
    assert [cloud["name"] for cloud in found["clouds"]] == ["second"]
    assert len(found["nodes"]) == 2


def test_without_any_cloud_the_list_is_empty(serve: Serve) -> None:
    answer = loopback.get(f"{serve('').url}/api/v2/nodes")
    assert answer.json() == {"nodes": [], "complete": True, "clouds": []}
