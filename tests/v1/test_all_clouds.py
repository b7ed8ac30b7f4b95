"""``GET /nodes?clouds=``: clouds that answered, clouds that did not, and complete lists only."""

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
        yield lambda path: loopback.get(f"{server.url}/api/v1{path}", timeout=20)


def test_one_answer_for_all(get: Any) -> None:
    whole = get("/nodes?clouds=fake_driver,second")
    assert whole.status_code == 200
    found = whole.json()
    assert list(found) == ["status", "complete", "nodes", "clouds"]
    assert (found["status"], found["complete"]) == ("ok", True)
    for name in ("fake_driver", "second"):
        alone = get(f"/nodes/{name}").json()["nodes"]
        assert [node for node in found["nodes"] if node["cloud"] == name] == [
            {**node, "cloud": name} for node in alone
        ]
    assert [list(cloud) for cloud in found["clouds"]] == [
        ["name", "status", "age", "duration", "message"]
    ] * 2


def test_who_does_not_answer_is_named_and_the_answer_says_that_it_is_partial(get: Any) -> None:
    partial = get("/nodes?clouds=*")
    assert partial.status_code == 200
    found = partial.json()
    assert (found["status"], found["complete"]) == ("partial", False)
    assert {node["cloud"] for node in found["nodes"]} == {"fake_driver", "second"}
    clouds = {cloud["name"]: cloud for cloud in found["clouds"]}
    assert {name: cloud["status"] for name, cloud in clouds.items()} == {
        "fake_driver": "ok",
        "second": "ok",
        "hanging": "error",
        "gone": "error",
    }
    assert clouds["fake_driver"]["message"] is None
    assert clouds["fake_driver"]["age"] >= 0
    assert "did not answer" in clouds["hanging"]["message"]
    assert clouds["hanging"]["age"] is None
    assert clouds["hanging"]["duration"] >= 0.5
    assert "127.0.0.1" not in partial.text.replace('"public_ips":["127.0.0.1"]', "")


def test_if_no_cloud_answers_the_error_says_why(get: Any) -> None:
    nothing = get("/nodes?clouds=hanging,gone")
    assert nothing.status_code == 503
    found = nothing.json()
    assert (found["status"], found["error_code"]) == ("error", "no_cloud_answered")
    assert [cloud["status"] for cloud in found["clouds"]] == ["error", "error"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/nodes/second?clouds=*", "clouds"),
        ("/nodes?clouds=", "clouds"),
        ("/nodes?clouds=second,other", "clouds"),
        ("/nodes?clouds=*,second", "clouds"),
        ("/nodes?clouds=default", "clouds"),
        ("/nodes?clouds=second&limit=1", "limit"),
        ("/nodes?clouds=second&marker=1", "marker"),
    ],
)
def test_what_cannot_be_asked(get: Any, path: str, field: str) -> None:
    answer = get(path)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


def test_a_cloud_named_twice_is_asked_once(get: Any) -> None:
    found = get("/nodes?clouds=second, second&clouds=second").json()
    assert [cloud["name"] for cloud in found["clouds"]] == ["second"]
    assert len(found["nodes"]) == 2


def test_without_any_cloud_there_is_no_answer(serve: Serve) -> None:
    answer = loopback.get(f"{serve('').url}/api/v1/nodes?clouds=*")
    assert answer.status_code == 503
