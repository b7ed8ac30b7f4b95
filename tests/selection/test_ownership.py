"""The VMs that a cloud may destroy if its settings do not say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import loopback
from tests.conftest import Serve
from tests.selection.clouds import World, world

START = {"name": "mine", "image": "img-1", "size": "s"}
KEPT = "i-0001"  # The cloud starts with this VM.
NOT_OWN = "was neither started nor adopted here, and cloud cloud destroys only its own VMs"


@pytest.fixture(scope="module", params=["given", "good"])
def there(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(request.param)
    with world(folder, backend=request.param, cloud={"destroy": None}) as one:
        yield one


def test_only_vms_that_were_started_here_are_stopped(there: World) -> None:
    there.has("other", "other")
    for named in ({"node": "other"}, {"hostname": "other"}):
        answer = there.api.put("/vm/stop", named)
        assert (answer.status, answer.error_code) == (400, "refused"), answer
        assert NOT_OWN in answer.message
        assert "orchestrator orphans adopt cloud other" in answer.message
    assert "other" in there.nodes
    own = there.api.post("/vm/start", START).json["nodes"]["id"]
    assert there.api.put("/vm/stop", {"node": own}).status == 200
    assert own not in there.nodes


def test_a_vm_of_others_is_neither_released_nor_lent_for_a_time(there: World) -> None:
    who = {"user": "u", "vm_type": "app"}
    lent = there.api.put("/vm/action/assign", {"node": KEPT, "lease": "1h", **who})
    assert (lent.status, lent.error_code) == (400, "refused")
    assert there.api.put("/vm/action/assign", {"node": KEPT, **who}).status == 200
    released = there.api.put("/vm/action/release", {"node": KEPT})
    assert (released.status, released.error_code) == (400, "refused"), released
    assert NOT_OWN in released.message
    assert KEPT in there.nodes
    (held,) = there.api.get(f"/api/v2/assignments?node={KEPT}").json["assignments"]
    assert held["state"] == "active"


@pytest.mark.parametrize("path", ["/vm/stop", "/vm/action/release"])
def test_a_node_that_is_not_there_is_called_so(there: World, path: str) -> None:
    answer = there.api.put(path, {"node": "never-was"})
    assert (answer.status, answer.error_code) == (400, "node_not_found"), answer


def test_the_report_of_a_cloud_tells_which_vms_it_destroys(there: World) -> None:
    report = there.api.get("/cloud/cloud").json["cloud"]
    assert report["destroy"] == "own"
    assert report["operations"]["stop_vm"] == {"supported": True, "reason": None}


@pytest.mark.parametrize("path", ["/vm/stop", "/vm/action/release"])
def test_a_server_without_a_database_says_that_it_knows_no_vm_of_its_own(
    serve: Serve, path: str, silent_port: int
) -> None:
    server = serve(
        'default_cloud = "c"\n[clouds.c]\ndriver = "dummy"\nassignment = "b"\ndestroy = "own"\n'
        f'[assignments.b]\nbackend = "cistern"\nurl = "http://127.0.0.1:{silent_port}/api/v1"\n'
    )
    with loopback.client(f"{server.url}/api/v1") as api:
        answer = api.put(path, json={"node": "1"})
        body = answer.json()
        assert (answer.status_code, body["error_code"]) == (400, "refused"), body
        assert 'or write destroy = "all" in [clouds.c]' in body["message"]
        assert "without [state]" in body["message"]
        assert len(api.get("/nodes").json()["nodes"]) == 2
        operations = api.get("/cloud/c").json()["cloud"]["operations"]
    for name in ("stop_vm", "release_vm"):
        assert not operations[name]["supported"]
        assert "without [state]" in operations[name]["reason"]
    server.wait_for_log("every stop and release is refused")


def test_a_simulated_cloud_destroys_any_vm_by_default(serve: Serve) -> None:
    server = serve()
    with loopback.client(f"{server.url}/api/v1") as api:
        assert api.put("/vm/stop", json={"node": "1"}).status_code == 200
