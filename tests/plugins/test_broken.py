"""A broken plugin harms nobody else: the server starts, others serve, the report says why."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

REASONS = {
    "import_error": ("failed", "import", "No module named 'a_package_that_is_not_there'"),
    "system_exit": ("failed", "import", "SystemExit: wrong Python"),
    "assertion_error": ("failed", "import", "AssertionError: the world is odd"),
    "misspelt_hook": (
        "failed",
        "hooks",
        "unknown hook 'list_noodles'; did you mean \"list_nodes\"?",
    ),
    "wrong_arguments": ("failed", "hooks", "'region'"),
    "clashing": ("failed", "name", "also claimed by vm-orchestrator-broken-name-clash-"),
    "wrong_core_version": ("incompatible", "version", "needs vm-orchestrator >=99"),
    "missing_describe": ("failed", "hooks", "the required hook 'describe' is not implemented"),
    "bad_schema": ("failed", "hooks", "settings_schema is no marshmallow schema"),
    "no_class": ("failed", "hooks", "is no class"),
}
"""By plugin: its state, the stage at which it ended and a part of the reason."""

AT_RUN_TIME = {
    "raising_constructor": "could not be set up (RuntimeError)",
    "raising_schema": "could not be set up (RuntimeError)",
    "raising_hooks": "failed in describe (RuntimeError)",
    "nothing": "gave no usable answer to describe (got NoneType)",
}
"""By plugin that loads: what its users' report says."""

CLOUDS = [*REASONS, *AT_RUN_TIME, "nonsense_hooks"]


def cloud(name: str) -> str:
    backend = "nonsense" if "non" in name else "raising"
    return f'[clouds.{name}]\ndriver = "{name}"\nassignment = "{backend}"\n'


SETTINGS = (
    '[clouds.fake_driver]\ndriver = "dummy"\n'
    + "".join(map(cloud, CLOUDS))
    + '[assignments.raising]\nbackend = "raising_hooks"\n'
    + '[assignments.nonsense]\nbackend = "nonsense_hooks"\n'
)

START = {"name": "x", "image": "1", "size": "1"}
ASSIGN = {"node": "1", "user": "u", "vm_type": "t"}
CALLS: list[tuple[str, str, dict[str, str] | None]] = [
    ("GET", "/nodes/{}", None),
    ("GET", "/nodes/{}/1", None),
    ("GET", "/images/{}", None),
    ("GET", "/sizes/{}", None),
    ("POST", "/vm/start/{}", START),
    ("PUT", "/vm/stop/{}", {"node": "1"}),
    ("PUT", "/vm/stop/{}", {"hostname": "x"}),
    ("PUT", "/vm/action/assign/{}", ASSIGN),
    ("PUT", "/vm/action/release/{}", {"node": "1"}),
    ("GET", "/vm/status/{}", None),
]


@pytest.fixture
def server(serve: Any, broken: dict[str, str]) -> Any:
    return serve(SETTINGS, workers=2, environment=broken)


def plugins_of(url: str) -> Iterator[dict[str, Any]]:
    yield from httpx2.get(f"{url}/api/v1/plugins").json()["plugins"]


def test_every_call_into_a_broken_plugin_is_answered_and_harms_nobody(server: Any) -> None:
    url = f"{server.url}/api/v1"
    before = server.workers()
    with httpx2.Client(timeout=20) as client:
        for name in CLOUDS:
            for method, path, body in CALLS:
                response = client.request(method, url + path.format(name), json=body)
                said = response.json()
                assert response.status_code >= 500, (name, path, said)
                assert said["status_code"] == response.status_code
                assert said["status"] == "error"
                assert said["message"]
                assert said["status_long_message"]
                assert said["status_short_message"]
                for forbidden in ("hunter2", "Traceback", ".py", "object at 0x"):
                    assert forbidden not in response.text, (name, path, said)
            assert client.get(f"{url}/nodes/fake_driver").status_code == 200
    assert server.workers() == before


def test_the_report_over_http_names_each_and_says_why(server: Any) -> None:
    for _ in range(4):  # whichever worker answers
        plugins = list(plugins_of(server.url))
        for plugin in plugins:
            assert plugin["distribution"].startswith("vm-orchestrator-")
            assert plugin["version"]
            if plugin["name"] in REASONS:
                state, stage, reason = REASONS[plugin["name"]]
                assert (plugin["state"], plugin["stage"]) == (state, stage)
                assert reason in plugin["message"]
        names = [plugin["name"] for plugin in plugins if plugin["kind"] == "cloud"]
        assert names.count("clashing") == 2
        assert {*CLOUDS, "dummy"} <= set(names)
        for name, message in AT_RUN_TIME.items():
            (plugin,) = (p for p in plugins if p["name"] == name and p["kind"] == "cloud")
            assert plugin["state"] == "loaded"
            (use,) = plugin["used_by"]
            assert (use["name"], use["state"]) == (name, "failed")
            assert message in use["message"]
        assert "hunter2" not in json.dumps(plugins)


def test_the_log_has_one_line_for_each(server: Any) -> None:
    lines = server.log().splitlines()
    for name, (state, _stage, reason) in REASONS.items():
        found = [line for line in lines if f"cloud {name} (" in line]
        assert len(found) == (2 if name == "clashing" else 1), name
        for line in found:
            assert f"plugin {state}" in line
            assert reason.replace("'", "\\'") in line or reason in line
    assert len([line for line in lines if "cloud dummy (" in line]) == 1


def test_the_command_names_each_and_says_why(
    broken: dict[str, str], clean_environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "orchestrator_core.cli", "plugins"]
    environment = {**clean_environment, **broken, "COLUMNS": "400"}
    said = subprocess.run(
        [*command, "--json"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    found = {row["name"]: row for row in json.loads(said)}
    table = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout
    for name, (state, stage, reason) in REASONS.items():
        assert (found[name]["state"], found[name]["stage"]) == (state, stage)
        assert reason in found[name]["message"]
        assert reason in table
    assert found["dummy"]["state"] == "loaded"
    assert "list_nodes" in found["dummy"]["hooks"]
