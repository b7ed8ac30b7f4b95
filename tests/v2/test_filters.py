"""Filters of recorded objects: impossible values are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stateful import Api, settings, stateful

ASSIGNMENT_STATES = "assigning, active, releasing, ended"
NO_CLOUD = "there is no cloud"
THERE_ARE = "there are: fake_driver, spare"
KINDS = (
    "start_vm, stop_vm, reboot_vm, power_on_vm, power_off_vm, resize_vm, "
    "rename_vm, create_image, assign_vm, renew_vm, release_vm, "
    "adopt_vm, ignore_orphan"
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    more = '[clouds.spare]\ndriver = "dummy"'
    toml = settings('url = "sqlite:///state.db"', more=more)
    with stateful(toml, tmp_path_factory.mktemp("filters")) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "name", "value", "why"),
    [
        (
            "/operations",
            "state",
            "foo",
            "must be one of pending, running, paused, succeeded, failed, abandoned",
        ),
        ("/operations", "kind", "start", f"must be one of {KINDS}"),
        ("/operations", "stat", "failed", 'is not a parameter; did you mean "state"?; this route '),
        ("/orphans", "limit", "1", "is not a parameter; this route has cloud"),
        ("/processes", "kind", "web", "is not a parameter; this route has none"),
        ("/operations", "kind", "", f"must be one of {KINDS}"),
        ("/assignments", "state", "free", f"must be one of {ASSIGNMENT_STATES}"),
        *[
            (path, "cloud", "nope", f"{NO_CLOUD} 'nope'; {THERE_ARE}")
            for path in ("/operations", "/assignments", "/orphans")
        ],
        (
            "/operations",
            "cloud",
            "fake_drivr",
            f"{NO_CLOUD} 'fake_drivr'; did you mean \"fake_driver\"?; {THERE_ARE}",
        ),
        ("/operations", "caller", "\0", "must not contain control characters"),
        ("/operations", "cursor", "\0", "must not contain control characters"),
    ],
)
def test_a_value_that_there_cannot_be_is_named(
    api: Api, path: str, name: str, value: str, why: str
) -> None:
    answer = api.v2(path, **{name: value})
    problem = answer.json()
    assert (answer.status_code, problem["error_code"]) == (400, "invalid_parameter")
    (fault,) = problem["errors"]
    assert fault["parameter"] == name
    assert fault["detail"].startswith(why)


def test_every_kind_that_is_recorded_can_be_asked_for(api: Api) -> None:
    node = api.started()
    api.put("/vm/action/reboot", {"node": node})
    api.put("/vm/action/poweroff", {"node": node})
    api.put("/vm/action/poweron", {"node": node})
    api.act(node, "resize", {"size": "2"})
    api.act(node, "rename", {"name": "renamed"})
    api.act(node, "create_image", {"name": "golden"})
    api.assign(node, lease="1h")
    api.renew(node)
    api.release(node)
    api.stop(api.started())
    recorded = {operation["kind"] for operation in api.operations()}
    assert recorded == set(KINDS.split(", ")) - {"adopt_vm", "ignore_orphan"}
    for kind in recorded:
        assert {found["kind"] for found in api.operations(kind=kind)} == {kind}
    assert api.operations(kind="adopt_vm") == []


def test_default_is_the_default_cloud(api: Api) -> None:
    node = api.started()
    api.assign(node)
    for path, listed in (("/operations", "operations"), ("/assignments", "assignments")):
        found = api.read(path, cloud="default", node=node)[listed]
        assert found
        assert found == api.read(path, cloud="fake_driver", node=node)[listed]
        assert api.read(path, cloud="spare", node=node)[listed] == []
    assert api.read("/orphans", cloud="default")["orphans"] == []


def test_a_cloud_that_is_configured_no_more_can_be_asked_for(
    tmp_path: Path, database_url: str
) -> None:
    toml = settings(f'url = "{database_url}"')
    with stateful(toml, tmp_path) as api:
        node = api.started()
        api.assign(node)
    with stateful(toml.replace("fake_driver", "new_driver"), tmp_path) as api:
        for path, listed in (("/operations", "operations"), ("/assignments", "assignments")):
            assert {one["node"] for one in api.read(path, cloud="fake_driver")[listed]} == {node}
        assert api.read("/orphans", cloud="fake_driver")["orphans"] == []
        assert api.v2("/operations", cloud="other").status_code == 400


def test_no_record_has_a_nul_in_its_id(api: Api) -> None:
    for path in ("/operations", "/assignments"):
        answer = api.v2(f"{path}/%00")
        assert (answer.status_code, answer.json()["error_code"]) == (404, "no_such_record")
