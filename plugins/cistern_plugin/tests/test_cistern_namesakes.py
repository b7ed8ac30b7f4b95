"""VMs that share a hostname: Cistern's assign and release carry no node id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.testing import Api
from orchestrator_core.testing.targets.serving import serving


@pytest.fixture
def api(cistern_server: Any, tmp_path: Path) -> Iterator[Api]:
    """Serve two clouds of one Cistern; each has the VMs 1 (dummy-1) and 2 (dummy-2)."""
    for cloud, count in (("aws", 3), ("gce", 2)):
        for number in range(1, count + 1):
            cistern_server.add(cloud, str(number), f"dummy-{number}")
    data = {
        "default_cloud": "aws",
        "plugins": {"allow": ["dummy", "cistern"]},
        "clouds": {name: {"driver": "dummy", "assignment": "brain"} for name in ("aws", "gce")},
        "assignments": {"brain": {"backend": "cistern", "url": cistern_server.url, "timeout": 5}},
    }
    with serving(data, tmp_path) as served:
        yield served.api


def assign(api: Api, cloud: str = "aws", **vm: str) -> Any:
    return api.put(f"/vm/action/assign/{cloud}", {**vm, "user": "ann", "vm_type": "app"})


@pytest.mark.parametrize("vm", [{"node": "1"}, {"hostname": "dummy-1"}], ids=["node", "hostname"])
def test_a_vm_whose_hostname_another_cloud_has_is_refused_and_cistern_not_asked(
    api: Api, cistern_server: Any, vm: dict[str, str]
) -> None:
    answer = assign(api, **vm)
    assert (answer.status, answer.error_code) == (400, "refused")
    assert "Node 1 of cloud aws" in answer.message
    assert "node 1 of cloud gce" in answer.message
    assert cistern_server.asked("assign") == []
    assert assign(api, "gce", **vm).status == 400


def test_a_vm_with_a_hostname_of_its_own_is_assigned_and_released(
    api: Api, cistern_server: Any
) -> None:
    body = {"name": "x", "image": "1", "size": "1"}
    assert api.send("POST", "/vm/start/aws", body).status == 200
    assert assign(api, node="3").status == 200
    namesake = cistern_server.add("gce", "9", "dummy-3")  # of a VM that does not exist
    assert api.put("/vm/action/release/aws", {"node": "3"}).status == 200
    assert namesake["user"] == ""


def test_a_release_is_refused_while_cistern_knows_a_living_namesake(
    api: Api, cistern_server: Any
) -> None:
    body = {"name": "x", "image": "1", "size": "1"}
    assert api.send("POST", "/vm/start/aws", body).status == 200
    assert assign(api, node="3").status == 200
    assert api.send("POST", "/vm/start/gce", body).status == 200  # also dummy-3
    cistern_server.add("gce", "3", "dummy-3", user="bob")
    answer = api.put("/vm/action/release/aws", {"node": "3"})
    assert (answer.status, answer.error_code) == (400, "refused")
    assert "node 3 of cloud gce" in answer.message
    assert cistern_server.asked("release") == []
    assert "3" in {node["id"] for node in api.get("/nodes/aws").json["nodes"]}


def test_a_status_shows_no_user_of_a_namesake(api: Api, cistern_server: Any) -> None:
    body = {"name": "x", "image": "1", "size": "1"}
    assert api.send("POST", "/vm/start/aws", body).status == 200
    assert assign(api, node="3").status == 200
    cistern_server.add("gce", "3", "dummy-3", user="ann")  # It joins users by hostname.
    (mine,) = [vm for vm in api.get("/vm/status/aws").json["nodes"] if vm["id_vm"] == "3"]
    (other,) = [vm for vm in api.get("/vm/status/gce").json["nodes"] if vm["id_vm"] == "3"]
    assert (mine["user"], mine["status"]) == ("ann", 2)
    assert (other["user"], other["status"]) == ("", 5)
