"""Extensions: denying, changing and recording calls, and failing as configured."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core import CloudDescription, Node
from orchestrator_core.broker.operations.change import Started
from tests import loopback
from tests.conftest import OPS_TOKEN, ec2
from tests.stateful import Api, settings
from tests.wheels import install

CLOUD = '[clouds.fake_driver]\ndriver = "dummy"\n'
START = {"name": "x", "image": "1", "size": "no such size"}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment in which the extensions are installed."""
    directory = tmp_path_factory.mktemp("extensions")
    source = directory / "tried"
    shutil.copytree(Path(__file__).parent / "tried", source)
    target = directory / "installed"
    install(target, source)
    return {"PYTHONPATH": str(target)}


def test_a_policy_denies_and_changes(serve: Any, installed: dict[str, str]) -> None:
    server = serve(f'{CLOUD}[extensions.gate]\nextension = "gate"\n', environment=installed)
    url = f"{server.url}/api/v1"
    denied = loopback.put(f"{url}/vm/stop/fake_driver", json={"node": "1"})
    assert (denied.status_code, denied.json()["message"]) == (403, "Node 1 is protected")
    assert loopback.put(f"{url}/vm/stop/fake_driver", json={"node": "2"}).status_code == 200
    assert loopback.post(f"{url}/vm/start/fake_driver", json=START).status_code == 200
    assert [n["id"] for n in loopback.get(f"{url}/nodes/fake_driver").json()["nodes"]] == ["1", "3"]


def test_a_policy_gives_leases_and_sees_them_renewed(
    serve: Any, installed: dict[str, str], tmp_path: Path
) -> None:
    trail = tmp_path / "trail"
    extensions = (
        '[extensions.policy]\nextension = "gate"\n'
        f'[extensions.trail]\nextension = "trail"\npath = "{trail}"\n'
    )
    server = serve(settings('url = "sqlite:///state.db"', "", extensions), environment=installed)
    api = Api(server)
    with api.http:
        assert "lease_expires_at" in api.assign("1", "guest", "8h").json()
        assert "lease_expires_at" not in api.assign("2", "ann", "8h").json()
        wrong = api.assign(api.started(), "guest", "soon").json()
        assert wrong["message"].startswith("Param not valid: lease: must be a duration")
        assert api.renew("1", "2h").status_code == 200
        assert api.renew("2", "2h").status_code == 400
    lines = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [(one["operation"], one["parameters"], one["error"]) for one in lines[-2:]] == [
        ("renew_vm", {"node": "1", "lease": "2h"}, None),
        ("renew_vm", {"node": "2", "lease": "2h"}, "NoLease"),
    ]


def test_an_audit_trail_has_a_line_for_every_call(
    serve: Any, installed: dict[str, str], tmp_path: Path
) -> None:
    trail = tmp_path / "trail"
    settings = f'[extensions.trail]\nextension = "trail"\npath = "{trail}"\n'
    auth = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
    server = serve(auth + CLOUD + settings, environment={**installed, "OPS_TOKEN": OPS_TOKEN})
    with loopback.client(
        base_url=f"{server.url}/api/v1",
        headers={"Authorization": f"Bearer {OPS_TOKEN}", "X-Request-ID": "me-1"},
    ) as client:
        assert client.get("/nodes/fake_driver").status_code == 200
        assert client.put("/vm/stop/fake_driver", json={"node": "9"}).status_code == 400
        assert client.put("/vm/stop/fake_driver", json={"nod": "9"}).status_code == 400
        assert client.get("/nodes/fake_driver", headers={"Authorization": ""}).status_code == 401
    lines = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [(line["operation"], line["parameters"], line["error"]) for line in lines] == [
        ("list_nodes", {}, None),
        ("stop_vm", {"node": "9"}, "NodeNotFound"),
    ]
    for line in lines:
        assert (line["caller"], line["cloud"], line["request_id"]) == ("ops", "fake_driver", "me-1")
        assert line["duration"] > 0
    assert OPS_TOKEN not in server.log()


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ('{networks = ["public"]}', {"networks": ["net-3"]}),
        ('{networks = "public"}', "networks: must be a list"),
        ("{public_ip = 1}", "public_ip: must be true or false"),
        ("{bread = 1}", "bread: is not a known field"),
        ("{spot = true}", "spot: is not taken by cloud fake_driver: there is none"),
        ('{location = "x"}', "location: there is no location with the id or name 'x'"),
    ],
)
def test_the_fields_of_an_extension_are_checked_as_those_of_a_caller(
    serve: Any, installed: dict[str, str], fields: str, outcome: Any
) -> None:
    rules = '[clouds.fake_driver.start_fields]\nspot = "there is none"\n'
    extension = f'[extensions.placing]\nextension = "placing"\nfields = {fields}\n'
    server = serve(f"{CLOUD}{rules}{extension}", environment=installed)
    answer = loopback.post(
        f"{server.url}/api/v1/vm/start/fake_driver", json={**START, "size": "1"}
    ).json()
    if isinstance(outcome, dict):
        assert answer["nodes"]["extra"]["start"] == outcome
    else:
        assert answer["error_code"] == "invalid_parameter"
        assert answer["message"].removeprefix("Param not valid: ") == outcome
        nodes = loopback.get(f"{server.url}/api/v1/nodes/fake_driver").json()["nodes"]
        assert len(nodes) == 2


STATE = 'url = "sqlite:///state.db"'

REPORTS = {
    "v1/cloud": ("list_clouds", {}),
    "v1/cloud/fake_driver": ("get_cloud", {"cloud": "fake_driver"}),
    "v2/plugins": ("list_plugins", {}),
    "v2/operations?state=failed": ("list_operations", {"state": "failed"}),
    "v2/operations/x": ("get_operation", {"operation": "x"}),
    "v2/assignments?node=1": ("list_assignments", {"node_id": "1"}),
    "v2/assignments/x": ("get_assignment", {"assignment": "x"}),
    "v2/orphans?cloud=fake_driver": ("list_orphans", {"cloud": "fake_driver"}),
    "v2/processes": ("list_processes", {}),
}


def test_reports_of_the_server_pass_the_extensions(
    serve: Any, installed: dict[str, str], tmp_path: Path
) -> None:
    trail = tmp_path / "trail"
    more = f'[extensions.trail]\nextension = "trail"\npath = "{trail}"\n'
    server = serve(settings(STATE, more=more), environment=installed)
    for path in REPORTS:
        loopback.get(f"{server.url}/api/{path}")
    told = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [(one["operation"], one["parameters"]) for one in told] == list(REPORTS.values())
    assert [one["error"] for one in told if one["error"]] == ["NoSuchRecord"] * 2


def test_an_extension_may_deny_and_narrow_reports(serve: Any, installed: dict[str, str]) -> None:
    more = '[extensions.gate]\nextension = "gate"\n'
    api = Api(serve(settings(STATE, more=more), environment=installed))
    with api.http:
        for user in ("ann", "bob"):
            assert api.assign(api.started(), user, "app").status_code == 200
        shown = api.assignments()
        assert [assignment["user"] for assignment in shown] == ["ann"]
        operations = api.operations()
        denied = api.v2(f"/operations/{operations[0]['id']}")
    assert (denied.status_code, denied.json()["detail"]) == (403, "Operations are not shown")


def test_an_extension_is_told_which_vm_a_change_was_of(
    serve: Any, installed: dict[str, str], tmp_path: Path
) -> None:
    trail = tmp_path / "trail"
    server = serve(
        f'{CLOUD}[extensions.trail]\nextension = "trail"\npath = "{trail}"\n',
        environment=installed,
    )
    url = f"{server.url}/api/v1"
    start = {**START, "size": "1"}
    assert loopback.post(f"{url}/vm/start/fake_driver", json=start).status_code == 200
    assert (
        loopback.put(f"{url}/vm/stop/fake_driver", json={"hostname": "dummy-2"}).status_code == 200
    )
    assert loopback.get(f"{url}/nodes/fake_driver").status_code == 200
    told = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [(one["operation"], one["result"], one["node_id"]) for one in told] == [
        ("start_vm", "Node", "3"),
        ("stop_vm", "NoneType", "2"),
        ("list_nodes", "bytes", None),
    ]
    assert {one["operation_id"] for one in told} == {None}  # Nothing is recorded here.


def test_what_only_the_starter_may_see_no_extension_sees() -> None:
    node = Node("1", "x", secrets={"password": OPS_TOKEN})
    started = Started(CloudDescription("p", "P"), node)
    assert (started.for_extensions.id, started.for_extensions.secrets) == ("1", {})
    assert started.node.secrets == {"password": OPS_TOKEN}


def test_shared_reads_are_seen_once_for_every_caller_with_the_attempts(
    serve: Any, installed: dict[str, str], tmp_path: Path, closed_port: int
) -> None:
    trail = tmp_path / "trail"
    settings = f'[extensions.trail]\nextension = "trail"\npath = "{trail}"\n'
    gone = ec2("gone", closed_port, "retries = 2")
    server = serve(CLOUD + gone + settings, environment=installed)
    url = f"{server.url}/api/v1/nodes/gone"
    with ThreadPoolExecutor(12) as callers:
        statuses = list(callers.map(lambda _: loopback.get(url, timeout=30).status_code, range(12)))
    assert set(statuses) <= {502, 503}
    lines = [json.loads(line) for line in trail.read_text().splitlines()]
    assert len(lines) == 12
    assert len({line["request_id"] for line in lines}) == 12
    assert max(line["attempts"] for line in lines) == 3
    assert server.log().count("operation=list_nodes outcome=cloud_unreachable") < 12


@pytest.mark.parametrize("how", ["raise", "hang"])
@pytest.mark.parametrize(("on_failure", "status"), [("deny", 403), ("log", 200)])
def test_whether_a_failing_extension_denies_is_a_setting(
    serve: Any, installed: dict[str, str], how: str, on_failure: str, status: int
) -> None:
    settings = (
        f'[extensions.broken]\nextension = "failing"\nhow = "{how}"\n'
        f'on_failure = "{on_failure}"\ndeadline = 0.2\n'
    )
    server = serve(CLOUD + settings, environment=installed)
    response = loopback.get(f"{server.url}/api/v1/nodes/fake_driver")
    assert response.status_code == status
    assert OPS_TOKEN not in response.text
    server.wait_for_log("extension failed")


def test_a_secret_in_an_exception_s_text_does_not_reach_the_log(
    serve: Any, installed: dict[str, str]
) -> None:
    settings = '[extensions.broken]\nextension = "failing"\nhow = "raise"\n'
    auth = '[auth]\nmode = "token"\ntokens = {ops = "env:OPS_TOKEN"}\n'
    server = serve(auth + CLOUD + settings, environment={**installed, "OPS_TOKEN": OPS_TOKEN})
    url = f"{server.url}/api/v1/nodes/fake_driver"
    assert loopback.get(url, headers={"X-Auth-Token": OPS_TOKEN}).status_code == 403
    server.wait_for_log("a secret: \\*\\*\\*")
    assert OPS_TOKEN not in server.log()


def test_an_extension_that_does_not_load_denies_everything(
    serve: Any, installed: dict[str, str]
) -> None:
    settings = '[plugins]\ndeny = ["gate"]\n[extensions.gate]\nextension = "gate"\n'
    server = serve(CLOUD + settings, environment=installed)
    assert loopback.get(f"{server.url}/api/v1/nodes/fake_driver").status_code == 403
    assert loopback.get(f"{server.url}/api/v2/operations").status_code == 422
    assert loopback.get(f"{server.url}/api/v1/cloud").status_code == 403
    (gate,) = (
        plugin
        for plugin in loopback.get(f"{server.url}/api/v2/plugins").json()["plugins"]
        if plugin["name"] == "gate"
    )
    assert gate["state"] == "disabled"
