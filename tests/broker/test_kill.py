"""kill -9 between any two steps: the cloud matches the rows afterwards, and no VM is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from orchestrator_core.faultpoints import VARIABLE
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import vms
from tests.conftest import running
from tests.databases import MakeUrl
from tests.every_field import EVERY_FIELD, RECORDED, SHOWN
from tests.stateful import START, Api, Json, leases_end, settings, wait_for

POINTS = (
    "start.recorded",
    "start.answered",
    "start.settled",
    "stop.recorded",
    "stop.answered",
    "stop.settled",
    "destroy.gone",
    "assign.settled",
    "release.recorded",
    "release.answered",
    "release.settled",
    "renew.settled",
    "action.recorded",
    "action.answered",
    "action.settled",
    "expire.recorded",
    "expire.settled",
)

_ENDS = ("succeeded", "failed", "abandoned")


class Killed:
    """A server whose web worker dies at a fault point once that is armed."""

    def __init__(self, api: Api, folder: Path, url: str) -> None:
        self.api = api
        self._folder = folder
        self._url = url

    def arm(self, point: str) -> None:
        (self._folder / point).touch()

    def armed(self, point: str) -> bool:
        return (self._folder / point).exists()

    def dies(self, point: str, request: Callable[[], httpx2.Response]) -> None:
        """Send a request during which the process that serves it is killed."""
        self.arm(point)
        with pytest.raises(httpx2.RemoteProtocolError):
            request()

    def settled(self) -> list[Json]:
        """Return all operations, once none is under way."""

        def look() -> list[Json]:
            try:
                return self.api.operations(limit="999")
            except httpx2.TransportError:
                return [{"state": "no answer"}]  # No worker has replaced the dead one yet.

        found: list[Json] = wait_for(
            look, lambda operations: all(one["state"] in _ENDS for one in operations)
        )
        return found

    def leases_end(self, node: str) -> None:
        leases_end(self._url, node)

    def check(self) -> None:
        """Check that the cloud's VMs are exactly those of the rows."""
        self.settled()
        database = Database(self._url, Path())
        present = database.read_now(
            lambda c: (
                c.execute(
                    select(vms.c.node_id).where(vms.c.gone_at.is_(None), vms.c.origin == "started")
                )
                .scalars()
                .all()
            )
        )
        database.close()
        assert sorted(set(self.api.nodes()) - {"1", "2"}) == sorted(present)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def killed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Killed]:
    """Serve one server for all tests: each continues with the rows that the previous one left."""
    folder = tmp_path_factory.mktemp("killed")
    url = f"sqlite:///{folder}/state.db"
    if request.param == "postgres":
        make: MakeUrl = request.getfixturevalue("postgres")
        url = make()
    points = ",".join(f"{point}@{folder / point}" for point in POINTS)
    cloud = f'store = "file:{folder}/cloud.db"\nvisibility_timeout = 0.5\nstart_options = ["rack"]'
    state = f'url = "{url}"\nretry_delay = 0.2\nmax_retry_delay = 0.5'
    with running(settings(state, cloud), folder, {VARIABLE: points}) as server:
        server.wait_for_log("durable worker ready")
        api = Api(server)
        with api.http:
            yield Killed(api, folder, url)


@pytest.mark.parametrize("point", ["start.recorded", "start.answered", "start.settled"])
def test_a_start_is_made_once_or_not_at_all(killed: Killed, point: str) -> None:
    key = {"Idempotency-Key": point}
    killed.dies(point, lambda: killed.api.start(**key))
    killed.check()
    (operation,) = killed.api.operations(kind="start_vm", limit="1")
    again = killed.api.start(**key)
    assert again.headers["Idempotency-Replayed"] == "true"
    if point == "start.recorded":
        assert (operation["state"], again.status_code) == ("failed", 502)
        assert operation["error"]["error_code"] == "not_started"
    else:
        assert (operation["state"], again.status_code) == ("succeeded", 200)
        assert again.json()["nodes"]["id"] in killed.api.nodes()
    killed.check()


@pytest.mark.parametrize("point", ["start.recorded", "start.answered", "start.settled"])
def test_a_start_with_every_field_is_made_once_and_as_asked(killed: Killed, point: str) -> None:
    before, key = killed.api.nodes(), {"Idempotency-Key": f"every field {point}"}

    def start() -> httpx2.Response:
        return killed.api.http.post("/vm/start", json={**START, **EVERY_FIELD}, headers=key)

    killed.dies(point, start)
    killed.check()
    again = start()
    assert again.headers["Idempotency-Replayed"] == "true"
    listed = {node["id"]: node for node in killed.api.get("/nodes")["nodes"]}
    made = [listed[node] for node in listed if node not in before]
    (operation,) = killed.api.operations(kind="start_vm", limit="1")
    assert operation["parameters"] == {**START, **RECORDED}
    if point == "start.recorded":
        assert (again.status_code, made) == (502, [])
    else:
        assert (again.status_code, [node["id"] for node in made]) == (
            200,
            [again.json()["nodes"]["id"]],
        )
        assert made[0]["extra"]["start"] == SHOWN
    killed.check()


@pytest.mark.parametrize("point", ["stop.recorded", "stop.answered", "stop.settled"])
def test_a_stop_is_carried_to_its_end(killed: Killed, point: str) -> None:
    node, other = killed.api.started(), killed.api.started()
    killed.dies(point, lambda: killed.api.stop(node))
    killed.check()
    assert node not in killed.api.nodes()
    assert other in killed.api.nodes()


ACTIONS = {
    "rename": {"name": "renamed"},
    "resize": {"size": "3"},
    "create_image": {"name": "golden"},
}


@pytest.mark.parametrize("point", ["action.recorded", "action.answered", "action.settled"])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_made_at_most_once(killed: Killed, action: str, point: str) -> None:
    node = killed.api.started()
    before = images(killed)
    killed.dies(point, lambda: killed.api.act(node, action, ACTIONS[action]))
    killed.check()
    (operation,) = killed.api.operations(node=node, limit="1")
    # The cloud shows a node's name. It does not tell how it came to a size or an image.
    found = point == "action.settled" or (action == "rename" and point == "action.answered")
    assert operation["state"] == ("succeeded" if found else "failed")
    if not found:
        assert operation["error"]["error_code"] == "unknown_outcome"
    shown = killed.api.http.get(f"/nodes/fake_driver/{node}").json()["nodes"]
    made = shown["name"] == "renamed" or shown["extra"].get("size") == "3"
    made |= len(images(killed)) == len(before) + 1
    assert made == (point != "action.recorded")
    assert len(images(killed)) <= len(before) + 1


def images(killed: Killed) -> list[Json]:
    found: list[Json] = killed.api.http.get("/images").json()["images"]
    return found


def test_an_assignment_is_there_or_not(killed: Killed) -> None:
    node = killed.api.started()
    killed.dies("assign.settled", lambda: killed.api.assign(node))
    killed.check()
    (held,) = killed.api.assignments(node=node)
    assert held["state"] == "active"
    assert killed.api.assign(node).json()["assignment"] == held["id"]


@pytest.mark.parametrize(
    "point", ["release.recorded", "release.answered", "release.settled", "destroy.gone"]
)
def test_a_release_is_carried_to_its_end(killed: Killed, point: str) -> None:
    node = killed.api.started()
    assignment = killed.api.assign(node).json()["assignment"]
    killed.dies(point, lambda: killed.api.release(node))
    killed.check()
    assert node not in killed.api.nodes()
    shown = killed.api.assignment(assignment)
    assert (shown["state"], shown["end_reason"]) == ("ended", "released")
    (release,) = killed.api.operations(kind="release_vm", node=node)
    assert release["result"]["deletion"] == "done"


def test_a_renewal_is_made_or_not(killed: Killed) -> None:
    node, key = killed.api.started(), {"Idempotency-Key": "renewal"}
    assignment = killed.api.assign(node, lease="1h").json()["assignment"]
    body = {"node": node, "lease": "8h"}
    killed.dies("renew.settled", lambda: killed.api.put("/vm/action/renew", body, **key))
    killed.check()
    again = killed.api.put("/vm/action/renew", body, **key)
    assert again.headers["Idempotency-Replayed"] == "true"
    shown = killed.api.assignment(assignment)
    assert again.json()["lease_expires_at"] == shown["lease_expires_at"]
    assert [event["reason"] for event in shown["history"]] == [None, "renewed"]


@pytest.mark.parametrize("point", ["expire.recorded", "expire.settled", "destroy.gone"])
def test_an_expiry_is_carried_to_its_end(killed: Killed, point: str) -> None:
    node, other = killed.api.started(), killed.api.started()
    assignment = killed.api.assign(node, lease="1h").json()["assignment"]
    killed.api.assign(other, lease="1h")
    killed.arm(point)
    killed.leases_end(node)
    wait_for(lambda: killed.armed(point), lambda armed: not armed)
    wait_for(lambda: killed.api.assignment(assignment)["ended_at"], bool)
    killed.check()
    assert node not in killed.api.nodes()
    assert other in killed.api.nodes()
    shown = killed.api.assignment(assignment)
    assert shown["end_reason"] == "expired"
    assert [event["reason"] for event in shown["history"]] == [None, "expired", "expired"]
    (release,) = killed.api.operations(kind="release_vm", node=node)
    assert release["result"]["deletion"] == "done"
    killed.api.stop(other)


def test_the_durable_worker_may_die_as_well(killed: Killed) -> None:
    node = killed.api.started()
    killed.arm("destroy.gone")  # The stop's own request does not reach the point: the worker does.
    assert killed.api.stop(node).status_code == 200
    killed.check()
    assert node not in killed.api.nodes()
    # the first start, and one more for each worker that has died since
    killed.api.server.wait_for_log("durable worker ready", count=2)
