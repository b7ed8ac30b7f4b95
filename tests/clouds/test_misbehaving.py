"""The misbehaving dummy cloud: callers get the documented answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests import loopback
from tests.conftest import DUMMY, Serve, running

START = {"name": "x", "image": "1", "size": "1"}
PATIENCE = 20.0


def cloud(name: str, faults: str, *, deadlines: str = "") -> str:
    return f"""
[clouds.{name}]
driver = "dummy"
[clouds.{name}.deadlines]
{deadlines}
[clouds.{name}.faults]
{faults}
"""


def hinted(name: str) -> str:
    return f"""
[clouds.{name}]
driver = "dummy"
hints = true
[clouds.{name}.deadlines]
stop_vm = 1
"""


ERRORS = {
    "failed": (502, "cloud_error"),
    "unreachable": (502, "cloud_unreachable"),
    "credentials": (502, "credentials_refused"),
    "invalid_answer": (502, "invalid_answer"),
    "quota": (400, "quota_exceeded"),
    "conflict": (400, "conflict"),
}

FOR_ONE_REQUEST = {
    "one-quota": ("error=quota", 400),
    "one-unreachable": ("fault=error; error=unreachable; operations=stop_vm", 502),
    "one-limited": ("retry_after=3600", 429),
    "one-losing": ("fault=lost_answer", 502),
    "one-hanging": ("hang", 504),
    "one-misspelt": ("hagn", 400),
}

IMAGES = 'operations = ["list_images"]'

CLOUDS = [
    *(hinted(name) for name in (*FOR_ONE_REQUEST, "one-empty")),
    *(
        cloud(word, f'error_rate = 1\nerror = "{word}"\noperations = ["start_vm"]')
        for word in ERRORS
    ),
    cloud(
        "limited",
        'rate_limit_rate = 1\nretry_after = 77\noperations = ["stop_vm"]',
        deadlines="stop_vm = 5",
    ),
    cloud("hanging", f"hang_rate = 1\n{IMAGES}", deadlines="list_images = 0.3"),
    cloud("slow", f"latency = 3600\n{IMAGES}", deadlines="list_images = 0.3"),
    cloud("losing", "lost_answer_rate = 1"),
    cloud("empty", "empty_rate = 1"),
]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Serve one cloud for each way to misbehave, and one without faults."""
    with (
        running(DUMMY + "".join(CLOUDS), tmp_path_factory.mktemp("misbehaving")) as server,
        loopback.client(f"{server.url}/api/v1") as client,
    ):
        yield client


def ids(http: httpx2.Client, name: str) -> list[str]:
    answer = http.get(f"/nodes/{name}")
    assert answer.status_code == 200, answer.text
    return [node["id"] for node in answer.json()["nodes"]]


@pytest.mark.parametrize("word", ERRORS)
def test_an_error_has_its_status(http: httpx2.Client, word: str) -> None:
    answer = http.post(f"/vm/start/{word}", json=START)
    assert (answer.status_code, answer.json()["error_code"]) == ERRORS[word]
    assert f"Cloud {word}" in answer.json()["message"]
    assert ids(http, word) == ["1", "2"]


def test_a_rate_limit_says_when_to_come_again(http: httpx2.Client) -> None:
    answer = http.put("/vm/stop/limited", json={"node": "1"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "77")
    assert ids(http, "limited") == ["1", "2"]


@pytest.mark.parametrize("name", ["hanging", "slow"])
def test_what_takes_too_long_ends_at_the_deadline(http: httpx2.Client, name: str) -> None:
    assert http.get(f"/images/{name}").status_code == 504
    assert ids(http, name) == ["1", "2"]
    assert http.get("/images/fake_driver").status_code == 200


def test_a_server_ends_although_its_cloud_is_deaf(serve: Serve) -> None:
    faults = f"hang_rate = 1\ndeaf = true\n{IMAGES}"
    server = serve(cloud("sky", faults, deadlines="list_images = 0.1"))
    for _ in range(3):
        assert loopback.get(f"{server.url}/api/v1/images/sky", timeout=30).status_code == 504
    assert server.stop() == 0


def test_a_lost_answer_is_no_answer_and_the_work_is_done(http: httpx2.Client) -> None:
    answer = http.post("/vm/start/losing", json=START)
    assert (answer.status_code, answer.json()["error_code"]) == (502, "cloud_unreachable")
    assert ids(http, "losing") == ["1", "2", "3"]


def test_an_empty_list_is_empty(http: httpx2.Client) -> None:
    assert ids(http, "empty") == []
    assert http.get("/nodes/empty/1").status_code == 200


def test_a_start_shows_later_in_every_worker(serve: Serve) -> None:
    url = f"{serve(cloud('sky', 'visible_after = 1.5'), workers=2).url}/api/v1"
    began = time.monotonic()
    started = loopback.post(f"{url}/vm/start/sky", json=START).json()
    assert started["nodes"]["id"] == "3"
    seen: list[list[str]] = []
    while seen[-16:] != [["1", "2", "3"]] * 16:
        answer = loopback.get(f"{url}/nodes/sky").json()  # a new connection reaches any worker
        seen.append([node["id"] for node in answer["nodes"]])
        elapsed = time.monotonic() - began
        assert seen[-1] == ["1", "2"] or elapsed >= 1.5
        assert elapsed < PATIENCE
        time.sleep(0.01)
    assert seen == sorted(seen)  # A node that shows in one worker shows in all.


def test_a_stuck_deletion_stays_for_ever(serve: Serve) -> None:
    url = f"{serve(cloud('sky', 'stuck_deletion_rate = 1'), workers=2).url}/api/v1"
    for _ in range(2):
        answer = loopback.put(f"{url}/vm/stop/sky", json={"node": "1"})
        assert (answer.status_code, answer.json()["result"]) == (200, "Node 1 deleted")
        assert loopback.get(f"{url}/nodes/sky/1").json()["nodes"]["state"] == 3


def test_the_same_seed_gives_the_same_run(serve: Serve) -> None:
    faults = 'seed = 4\nerror_rate = 0.5\noperations = ["start_vm"]'

    def run() -> list[int]:
        url = f"{serve(cloud('sky', faults)).url}/api/v1"
        return [loopback.post(f"{url}/vm/start/sky", json=START).status_code for _ in range(8)]

    first = run()
    assert set(first) == {200, 502}
    assert run() == first


def test_a_wrong_key_is_an_error_at_the_start(serve: Serve) -> None:
    server = serve(cloud("sky", 'latency = "unifrom(1, 2)"\nsed = 1'), up=False)
    assert server.process.wait(timeout=PATIENCE) != 0
    assert '[clouds.sky.faults] latency: "unifrom(1, 2)" must be seconds or one of' in server.log()
    assert '[clouds.sky.faults] sed: unknown key; did you mean "seed"?' in server.log()


@pytest.mark.parametrize("name", FOR_ONE_REQUEST)
def test_a_fault_for_one_request(http: httpx2.Client, name: str) -> None:
    hints, status = FOR_ONE_REQUEST[name]
    headers = {"X-Cloud-Hints": hints}
    answer = http.put(f"/vm/stop/{name}", json={"node": "1"}, headers=headers)
    assert answer.status_code == status, answer.text
    assert ids(http, name) == (["2"] if name == "one-losing" else ["1", "2"])


def test_an_empty_list_for_one_request(http: httpx2.Client) -> None:
    answer: dict[str, Any] = http.get("/nodes/one-empty", headers={"X-Cloud-Hints": "empty"}).json()
    assert answer["nodes"] == []
    assert ids(http, "one-empty") == ["1", "2"]
