"""Exact quotas, with concurrent starts, lost answers and killed processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from orchestrator_core.faultpoints import VARIABLE
from tests import loopback
from tests.conftest import DUMMY, Serve
from tests.databases import MakeUrl
from tests.stateful import PATIENCE, START, Api, Json, settings, wait_for

TOKENS = {"ANN": "token-of-ann-in-these-tests", "BOB": "token-of-bob-in-these-tests"}
AUTH = '[auth]\nmode = "token"\ntokens = {ann = "env:ANN", bob = "env:BOB"}\n'

Open = Callable[..., Api]


def quota(text: str, name: str = "policy", more: str = "") -> str:
    section = f'[extensions.{name}]\nextension = "policy"\n{more}\n'
    return f"{section}[extensions.{name}.quota]\n{text}\n"


@pytest.fixture
def opened(serve: Serve, tmp_path: Path, sqlite: MakeUrl) -> Iterator[Open]:
    """Return a function that serves a cloud in a file with a quota: ``opened("default = 1")``."""
    apis: list[Api] = []

    def one(  # noqa: PLR0913 - all but the first have defaults
        text: str,
        *,
        url: str = "",
        cloud: str = "visibility_timeout = 0.5",
        more: str = "",
        workers: int = 1,
        environment: dict[str, str] | None = None,
    ) -> Api:
        state = f'url = "{url or sqlite()}"\nretry_delay = 0.1\nmax_retry_delay = 0.3'
        store = f'store = "file:{tmp_path}/cloud.db"\nhints = true\n{cloud}'
        toml = settings(state, store, quota(text) + more)
        server = serve(toml, workers=workers, environment=environment)
        server.wait_for_log("durable worker ready")
        apis.append(Api(server))
        return apis[-1]

    yield one
    for api in apis:
        api.http.close()


def denied(answer: httpx2.Response) -> str:
    """Return the reason of a denied start."""
    assert answer.status_code == 403, answer.text
    message: str = answer.json()["message"]
    return message


def starts_again(api: Api) -> str:
    """Start a VM as soon as the quota has room."""
    answer: httpx2.Response = wait_for(api.start, lambda one: one.status_code != 403)
    assert answer.status_code == 200, answer.text
    node: str = answer.json()["nodes"]["id"]
    return node


def test_of_twenty_at_once_exactly_as_many_start_as_may(opened: Open, database_url: str) -> None:
    api = opened("default = 5", url=database_url, workers=4)
    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda _: httpx2_start(api), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [403] * 15
    assert len(api.nodes()) == 2 + 5
    reason = "Quota policy: caller anonymous has 5 of 5 VMs in cloud fake_driver"
    assert {denied(answer) for answer in answers if answer.status_code != 200} == {reason}
    # The other starts were not recorded.
    assert len(api.operations(kind="start_vm", limit="99")) == 5


def httpx2_start(api: Api) -> httpx2.Response:
    """Start a VM on a connection of its own, so that any worker may get the request."""
    return loopback.post(f"{api.server.url}/api/v1/vm/start", json=dict(START), timeout=60)


def test_each_caller_and_each_cloud_has_a_quota_of_its_own(opened: Open) -> None:
    other = '[clouds.other]\ndriver = "dummy"\n'
    api = opened(
        "default = 1\ncallers = {bob = 2}",
        more=other + quota("default = 0", "none", 'clouds = ["elsewhere"]') + AUTH,
        environment=TOKENS,
    )

    def start(caller: str, cloud: str) -> int:
        answer = api.http.post(
            f"/vm/start/{cloud}", json=dict(START), headers={"X-Auth-Token": TOKENS[caller]}
        )
        return answer.status_code

    for cloud in ("fake_driver", "other"):
        assert [start("ANN", cloud) for _ in range(2)] == [200, 403]
        assert [start("BOB", cloud) for _ in range(3)] == [200, 200, 403]


def test_a_stop_gives_the_place_back_at_once(opened: Open, database_url: str) -> None:
    api = opened("default = 1", url=database_url)
    for _ in range(3):
        node = api.started()
        assert "has 1 of 1 VMs" in denied(api.start())
        assert api.stop(node).status_code == 200
    api.started()


def test_a_release_gives_the_place_back_at_once(opened: Open) -> None:
    api = opened("default = 1")
    node = api.started()
    assert api.assign(node).status_code == 200
    denied(api.start())
    assert api.release(node).status_code == 200
    api.started()


def test_a_stop_that_fails_gives_nothing_back(opened: Open) -> None:
    api = opened("default = 1")
    node = api.started()
    hint = {"X-Cloud-Hints": "error=conflict; operations=stop_vm"}
    assert api.stop(node, **hint).status_code == 400
    denied(api.start())


def test_a_start_that_certainly_failed_gives_its_place_back(opened: Open) -> None:
    api = opened("default = 1")
    for _ in range(2):
        assert api.start(**{"X-Cloud-Hints": "fault=rate_limit"}).status_code == 429
        assert api.http.post("/vm/start", json={**START, "image": "none"}).status_code == 400
    api.started()


def test_a_start_that_another_extension_denies_gives_its_place_back(opened: Open) -> None:
    late = '[extensions.late]\nextension = "policy"\nname_pattern = "y"\n'
    api = opened("default = 1", more=late)
    for _ in range(3):
        assert "is not allowed" in denied(api.start())
    body = {**START, "name": "y"}
    assert api.http.post("/vm/start", json=body).status_code == 200


def test_a_start_whose_answer_is_lost_keeps_its_place(opened: Open) -> None:
    api = opened("default = 1")
    assert api.start(**{"X-Cloud-Hints": "fault=lost_answer"}).status_code == 502
    assert "has 1 of 1 VMs" in denied(api.start())
    (operation,) = api.operations(kind="start_vm")
    assert api.settled(operation["id"])["state"] == "succeeded"
    denied(api.start())
    assert len(api.nodes()) == 3
    assert api.stop(operation_node(api, operation["id"])).status_code == 200
    starts_again(api)


def operation_node(api: Api, operation_id: str) -> str:
    node: str = api.operation(operation_id)["node"]
    return node


def test_a_start_that_came_to_nothing_keeps_its_place_until_that_is_known(opened: Open) -> None:
    api = opened("default = 1")
    hint = {"X-Cloud-Hints": "error=unreachable; operations=start_vm"}
    assert api.start(**hint).status_code == 502
    denied(api.start())
    starts_again(api)
    assert len(api.nodes()) == 3


def test_a_start_that_stays_unknown_keeps_its_place_for_a_set_time(opened: Open) -> None:
    api = opened("default = 1\nunknown_for = 1.5", cloud="visibility_timeout = 60")
    hint = {"X-Cloud-Hints": "error=unreachable; operations=start_vm"}
    assert api.start(**hint).status_code == 502
    (operation,) = api.operations(kind="start_vm")
    denied(api.start())
    starts_again(api)
    assert api.operation(operation["id"])["state"] in ("pending", "running")


def test_a_vm_that_was_destroyed_elsewhere_holds_no_place(
    opened: Open, serve: Serve, tmp_path: Path
) -> None:
    api = opened("default = 1\nvisible_after = 0.5")
    node = api.started()
    stateless = DUMMY + f'store = "file:{tmp_path}/cloud.db"\n'
    elsewhere = serve(stateless)
    answer = loopback.put(f"{elsewhere.url}/api/v1/vm/stop", json={"node": node})
    assert answer.status_code == 200
    assert starts_again(api) != node
    denied(api.start())


POINTS = ("call.permitted", "start.recorded", "start.answered", "start.settled", "call.ended")


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
@pytest.mark.parametrize("point", POINTS)
def test_a_server_that_is_killed_loses_no_place_and_gives_none_twice(
    request: pytest.FixtureRequest, opened: Open, tmp_path: Path, point: str, kind: str
) -> None:
    """A kill between reservation and answer leaves one VM and one place, or neither."""
    armed = tmp_path / "armed"
    api = opened(
        "default = 1",
        url=request.getfixturevalue(kind)(),
        cloud="visibility_timeout = 0.5\n[clouds.fake_driver.deadlines]\nstart_vm = 1.5",
        environment={VARIABLE: f"{point}@{armed}"},
    )
    armed.touch()
    with pytest.raises(httpx2.RemoteProtocolError):
        api.start()
    assert not armed.exists()
    begun = time.monotonic()
    node = None
    while node is None and time.monotonic() < begun + PATIENCE:
        with suppress(httpx2.TransportError):  # No worker has replaced the dead one yet.
            answer = api.start()
            assert len(api.nodes()) <= 3
            if answer.status_code == 200:
                node = answer.json()["nodes"]["id"]
            elif len(api.nodes()) == 3 and settled(api):
                break
        time.sleep(0.1)
    assert len(api.nodes()) == 3
    survived = point not in ("call.permitted", "start.recorded")
    assert (node is None) == survived
    denied(api.start())
    (kept,) = set(api.nodes()) - {"1", "2"}
    assert api.stop(kept).status_code == 200
    starts_again(api)


def settled(api: Api) -> bool:
    found: list[Json] = api.operations(kind="start_vm")
    return all(one["state"] in ("succeeded", "failed") for one in found)
