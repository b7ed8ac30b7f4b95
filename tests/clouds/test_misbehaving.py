"""The dummy cloud misbehaves on purpose, and its callers see what the documents promise."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from tests.conftest import Serve

START = {"name": "x", "image": "1", "size": "1"}
PATIENCE = 20.0


def settings(faults: str, *, deadlines: str = "") -> str:
    return f"""
default_cloud = "sky"
[clouds.sky]
driver = "dummy"
[clouds.sky.deadlines]
{deadlines}
[clouds.sky.faults]
{faults}
[clouds.well]
driver = "dummy"
"""


HINTED = """
default_cloud = "sky"
[clouds.sky]
driver = "dummy"
hints = true
[clouds.sky.deadlines]
stop_vm = 1
"""


def api(serve: Serve, toml: str, workers: int = 1) -> httpx2.Client:
    return httpx2.Client(base_url=f"{serve(toml, workers=workers).url}/api/v1", timeout=30)


def ids(http: httpx2.Client) -> list[str]:
    answer = http.get("/nodes")
    assert answer.status_code == 200, answer.text
    return [node["id"] for node in answer.json()["nodes"]]


ERRORS = {
    "failed": (502, "cloud_error"),
    "unreachable": (502, "cloud_unreachable"),
    "credentials": (502, "credentials_refused"),
    "nonsense": (502, "nonsense_answer"),
    "quota": (400, "quota_exceeded"),
    "conflict": (400, "conflict"),
}

FAILING = """
[clouds.{word}]
driver = "dummy"
[clouds.{word}.faults]
error_rate = 1
error = "{word}"
operations = ["start_vm"]
"""


def test_an_error_has_its_status(serve: Serve) -> None:
    with api(serve, "".join(FAILING.format(word=word) for word in ERRORS)) as http:
        for word, (status, code) in ERRORS.items():
            answer = http.post(f"/vm/start/{word}", json=START)
            assert (answer.status_code, answer.json()["error_code"]) == (status, code)
            assert f"Cloud {word}" in answer.json()["message"]
            assert len(http.get(f"/nodes/{word}").json()["nodes"]) == 2


def test_a_rate_limit_says_when_to_come_again(serve: Serve) -> None:
    faults = 'rate_limit_rate = 1\nretry_after = 77\noperations = ["stop_vm"]'
    with api(serve, settings(faults, deadlines="stop_vm = 5")) as http:
        answer = http.put("/vm/stop", json={"node": "1"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "77")
        assert ids(http) == ["1", "2"]


@pytest.mark.parametrize("fault", ["hang_rate = 1", "latency = 3600"])
def test_what_takes_too_long_ends_at_the_deadline(serve: Serve, fault: str) -> None:
    faults = f'{fault}\noperations = ["list_images"]'
    with api(serve, settings(faults, deadlines="list_images = 0.3")) as http:
        assert http.get("/images").status_code == 504
        assert ids(http) == ["1", "2"]
        assert http.get("/images/well").status_code == 200


def test_a_server_ends_although_its_cloud_is_deaf(serve: Serve) -> None:
    faults = 'hang_rate = 1\ndeaf = true\noperations = ["list_images"]'
    server = serve(settings(faults, deadlines="list_images = 0.1"))
    for _ in range(3):
        assert httpx2.get(f"{server.url}/api/v1/images", timeout=30).status_code == 504
    assert server.stop() == 0


def test_a_lost_answer_is_no_answer_and_the_work_is_done(serve: Serve) -> None:
    with api(serve, settings("lost_answer_rate = 1")) as http:
        answer = http.post("/vm/start", json=START)
        assert (answer.status_code, answer.json()["error_code"]) == (502, "cloud_unreachable")
        assert ids(http) == ["1", "2", "3"]


def test_an_empty_list_is_empty(serve: Serve) -> None:
    with api(serve, settings("empty_rate = 1")) as http:
        assert ids(http) == []
        assert http.get("/nodes/sky/1").status_code == 200


def test_a_start_shows_later_in_every_worker(serve: Serve) -> None:
    url = f"{serve(settings('visible_after = 1.5'), workers=2).url}/api/v1"
    began = time.monotonic()
    started = httpx2.post(f"{url}/vm/start", json=START).json()
    assert started["nodes"]["id"] == "3"
    seen: list[list[str]] = []
    while seen[-16:] != [["1", "2", "3"]] * 16:
        answer = httpx2.get(f"{url}/nodes").json()  # a new connection: any worker
        seen.append([node["id"] for node in answer["nodes"]])
        elapsed = time.monotonic() - began
        assert seen[-1] == ["1", "2"] or elapsed >= 1.5
        assert elapsed < PATIENCE
        time.sleep(0.01)
    assert seen == sorted(seen)  # once it shows, it shows everywhere


def test_a_stuck_deletion_stays_for_ever(serve: Serve) -> None:
    with api(serve, settings("stuck_deletion_rate = 1"), workers=2) as http:
        for _ in range(2):
            answer = http.put("/vm/stop", json={"node": "1"})
            assert (answer.status_code, answer.json()["result"]) == (200, "Node 1 deleted")
            assert http.get("/nodes/sky/1").json()["nodes"]["state"] == 3


def test_the_same_seed_gives_the_same_run(serve: Serve) -> None:
    def run() -> list[int]:
        faults = 'seed = 4\nerror_rate = 0.5\noperations = ["start_vm"]'
        with api(serve, settings(faults)) as http:
            return [http.post("/vm/start", json=START).status_code for _ in range(8)]

    first = run()
    assert set(first) == {200, 502}
    assert run() == first


def test_a_wrong_key_is_an_error_at_the_start(serve: Serve) -> None:
    server = serve(settings('latency = "unifrom(1, 2)"\nsed = 1'), up=False)
    assert server.process.wait(timeout=PATIENCE) != 0
    assert '[clouds.sky.faults] latency: "unifrom(1, 2)" must be seconds or one of' in server.log()
    assert '[clouds.sky.faults] sed: unknown key; did you mean "seed"?' in server.log()


@pytest.mark.parametrize(
    ("hints", "status"),
    [
        ("error=quota", 400),
        ("fault=error; error=unreachable; operations=stop_vm", 502),
        ("retry_after=3600", 429),
        ("fault=lost_answer", 502),
        ("hang", 504),
        ("hagn", 400),
    ],
)
def test_a_fault_for_one_request(serve: Serve, hints: str, status: int) -> None:
    with api(serve, HINTED) as http:
        path, body = "/vm/stop", {"node": "1"}
        answer = http.put(path, json=body, headers={"X-Cloud-Hints": hints})
        assert answer.status_code == status, answer.text
        left = ["2"] if hints == "fault=lost_answer" else ["1", "2"]
        assert ids(http) == left


def test_an_empty_list_for_one_request(serve: Serve) -> None:
    with api(serve, HINTED) as http:
        hinted: dict[str, Any] = http.get("/nodes", headers={"X-Cloud-Hints": "empty"}).json()
        assert hinted["nodes"] == []
        assert ids(http) == ["1", "2"]
