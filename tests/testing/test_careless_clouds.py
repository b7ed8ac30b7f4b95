"""Plugins that take an id for another node's: the core protects that node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator_core.testing import Api, Kind, Stage
from orchestrator_core.testing.targets.serving import serving
from orchestrator_core.testing.targets.strange_ids import strange_ids
from tests.testing.install import installed

NODE = "i-0001"
CARELESS = ["CarelessCloud", "EchoingCloud"]


@pytest.fixture
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """Serve that cloud and the default backend; its node is assigned."""
    entry = f"careless:{request.param}"
    with ExitStack() as stack:
        stack.enter_context(installed(Kind.CLOUD, "careless", entry, Name="tests-careless"))
        import good_cloud  # noqa: PLC0415 - importable once it is installed

        fake = stack.enter_context(good_cloud.fake(Stage(tmp_path, ())))
        own = {**fake.settings, "driver": "careless", "assignment": "given"}
        data = {
            "default_cloud": "cloud",
            "plugins": {"allow": ["careless", "given"]},
            "clouds": {"cloud": own},
            "assignments": {"given": {"backend": "given"}},
        }
        served = stack.enter_context(serving(data, tmp_path)).api
        body = {"node": NODE, "user": "ann", "vm_type": "app"}
        assert served.put("/vm/action/assign", body).status == 200
        yield served


@pytest.mark.parametrize("api", CARELESS, indirect=True)
@pytest.mark.parametrize("path", ["stop", "action/reboot", "action/poweroff", "action/poweron"])
def test_a_change_of_a_strange_id_changes_no_other_node(api: Api, path: str) -> None:
    for strange in strange_ids(NODE):
        answer = api.put(f"/vm/{path}", {"node": strange})
        assert answer.status in (400, 502), answer
    nodes = {node["id"]: node["state"] for node in api.get("/nodes").json["nodes"]}
    assert nodes[NODE] == 0
    (held,) = api.get("/api/v2/assignments").json["assignments"]
    assert (held["node"], held["state"]) == (NODE, "active")


@pytest.mark.parametrize("api", CARELESS, indirect=True)
def test_a_node_is_not_assigned_twice_under_two_ids(api: Api) -> None:
    for strange in strange_ids(NODE):
        answer = api.put("/vm/action/assign", {"node": strange, "user": "bob", "vm_type": "app"})
        assert answer.status in (400, 502), answer
    assert len(api.get("/api/v2/assignments").json["assignments"]) == 1


@pytest.mark.parametrize("api", ["CarelessCloud"], indirect=True)
def test_another_node_than_the_one_asked_for_is_not_shown(api: Api) -> None:
    shown = api.get("/nodes/cloud/%69-0001%3Fx")
    assert shown.status == 400, shown
