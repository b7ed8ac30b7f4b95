"""Broken plugins: the server starts, other plugins serve, the report gives the reason."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest

from tests import loopback
from tests.conftest import Server, environment_without_ours, serve_command

REASONS = {
    "import_error": ("failed", "import", "No module named 'a_package_that_is_not_there'"),
    "import_name": ("failed", "import", "cannot import name 'a_name_that_is_not_there'"),
    "unprintable": ("failed", "import", "Unprintable: (an error whose text cannot be read)"),
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
    "bad_schema": ("failed", "hooks", "settings_schema is not a marshmallow schema"),
    "no_class": ("failed", "hooks", "something of type object, which is not a class"),
}
"""By cloud plugin that does not load: its state, the stage where it ended, part of the reason."""

AT_RUN_TIME = {
    "raising_constructor": "could not be set up (RuntimeError)",
    "raising_schema": "could not be set up (RuntimeError)",
    "raising_hooks": "failed in describe (RuntimeError)",
    "nothing": "gave no usable answer to describe: it returned None",
}
"""By cloud plugin that loads and cannot describe itself: the error in its cloud's report."""

ODD = ["raising_calls", "raising_exits", "invalid_answers", "invalid_values"]
"""Cloud plugins that describe themselves and are otherwise broken."""

CLOUDS = [*REASONS, *AT_RUN_TIME, *ODD]
BACKENDS = ["import_error", "raising_hooks", "raising_calls", "invalid_answers", "invalid_values"]

SETTINGS = "".join(
    [
        '[clouds.fake_driver]\ndriver = "dummy"\n',
        *(
            f'[clouds.{name}]\ndriver = "{name}"\nassignment = "raising_hooks"\ndestroy = "all"\n'
            for name in CLOUDS
        ),
        *(f'[clouds.by_{n}]\ndriver = "dummy"\nassignment = "{n}"\n' for n in BACKENDS),
        *(f'[assignments.{name}]\nbackend = "{name}"\n' for name in BACKENDS),
    ]
)

SECONDS = 5.0
"""Seconds within which every answer arrives; none of the plugins is slow."""

FORBIDDEN = ("hunter2", "Traceback", "object at 0x", "site-packages", sys.prefix)


class Call(NamedTuple):
    method: str
    path: str
    body: dict[str, str] | None = None


LISTS = {what: Call("GET", f"/{what}") for what in ("nodes", "images", "sizes")}
CALLS = {
    **LISTS,
    "flavors": Call("GET", "/flavors"),
    "start": Call("POST", "/vm/start", {"name": "x", "image": "1", "size": "1"}),
    "stop": Call("PUT", "/vm/stop", {"node": "1"}),
    "stop by name": Call("PUT", "/vm/stop", {"hostname": "x"}),
    "status": Call("GET", "/vm/status"),
    "assign": Call("PUT", "/vm/action/assign", {"node": "1", "user": "u", "vm_type": "t"}),
    "release": Call("PUT", "/vm/action/release", {"node": "1"}),
}
OF_THE_CLOUD = ["nodes", "node", "images", "sizes", "start", "stop", "release"]
"""Calls that need a cloud; the others need the backend alone."""


@pytest.fixture(scope="module")
def server(broken: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the dummy cloud and every broken one; the tests change nothing."""
    directory = tmp_path_factory.mktemp("beside")
    config = directory / "orchestrator.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    environment = {**environment_without_ours(), **broken}
    running = Server(serve_command(config, workers=2), directory / "log", environment)
    try:
        yield running.wait_until_up(2)
    finally:
        running.stop()


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx2.Client]:
    with loopback.client(f"{server.url}/api/v1", timeout=SECONDS) as client:
        yield client


def ask(http: httpx2.Client, cloud: str, name: str) -> httpx2.Response:
    if name == "node":
        return http.get(f"/nodes/{cloud}/1")
    method, path, body = CALLS[name]
    return http.request(method, f"{path}/{cloud}", json=body)


def error(response: httpx2.Response) -> dict[str, Any]:
    """Return an error, after checking its form and that it reveals nothing internal."""
    said: dict[str, Any] = response.json()
    assert said["status"] == "error"
    assert said["status_code"] == response.status_code
    for key in ("message", "status_long_message", "status_short_message"):
        assert isinstance(said[key], str)
        assert said[key]
    for inner in FORBIDDEN:
        assert inner not in response.text
    assert not re.search(r"\.py\b|(?<![\w/])/\w+/", response.text), response.text
    return said


@pytest.mark.parametrize("cloud", [*CLOUDS, *(f"by_{name}" for name in BACKENDS)])
def test_a_broken_plugin_is_reported_and_harms_no_other(
    server: Server, http: httpx2.Client, cloud: str
) -> None:
    workers = server.workers()
    nodes = http.get("/nodes/fake_driver").json()
    assert len(nodes["nodes"]) == 2
    calls = ["status", "assign", "release"] if cloud.startswith("by_") else [*CALLS, "node"]
    for name in calls:
        begun = time.monotonic()
        said = error(ask(http, cloud, name))
        assert said["status_code"] >= 500, (name, said)
        assert time.monotonic() - begun < SECONDS
    for _ in range(4):  # from any worker
        assert loopback.get(f"{server.url}/api/v1/nodes/fake_driver").json() == nodes
    assert server.workers() == workers
    assert len(workers) == 2


@pytest.mark.parametrize("cloud", [*REASONS, "raising_constructor", "raising_schema"])
def test_a_cloud_whose_plugin_cannot_be_used_is_unavailable(
    http: httpx2.Client, cloud: str
) -> None:
    for name in OF_THE_CLOUD:
        said = error(ask(http, cloud, name))
        assert (said["status_code"], said["error_code"]) == (503, "cloud_unavailable")
        assert f"Cloud {cloud} is not available: its plugin {cloud}" in said["message"]


@pytest.mark.parametrize(
    ("cloud", "call", "reason"),
    [
        ("raising_hooks", "nodes", "failed in describe (RuntimeError)"),
        ("raising_hooks", "stop", "failed in get_node (RuntimeError)"),
        ("raising_calls", "nodes", "failed in list_nodes (RuntimeError)"),
        ("raising_calls", "images", "failed in list_images (RuntimeError)"),
        ("raising_calls", "sizes", "failed in list_sizes (RuntimeError)"),
        ("raising_calls", "node", "failed in get_node (RuntimeError)"),
        ("raising_calls", "start", "failed in start_vm (RuntimeError)"),
        ("raising_calls", "stop by name", "failed in list_nodes (RuntimeError)"),
        ("raising_exits", "nodes", "failed in list_nodes (SystemExit)"),
        ("raising_exits", "images", "failed in list_images (KeyboardInterrupt)"),
        ("raising_exits", "sizes", "failed in list_sizes (CancelledError)"),
        ("raising_exits", "node", "failed in get_node (StopIteration)"),
        ("raising_exits", "start", "failed in start_vm (GeneratorExit)"),
        ("raising_exits", "stop", "failed in get_node (StopIteration)"),
        ("by_raising_hooks", "assign", "failed in resolve_vm (RuntimeError)"),
        ("by_raising_hooks", "release", "failed in resolve_vm (RuntimeError)"),
        ("by_raising_hooks", "status", "failed in list_vms (RuntimeError)"),
        ("by_raising_calls", "assign", "failed in assign_vm (RuntimeError)"),
        ("by_raising_calls", "release", "failed in release_vm (SystemExit)"),
    ],
)
def test_what_a_hook_raises_is_a_failure_of_its_cloud(
    server: Server, http: httpx2.Client, cloud: str, call: str, reason: str
) -> None:
    workers = server.workers()
    said = error(ask(http, cloud, call))
    assert (said["status_code"], said["error_code"]) == (502, "cloud_error")
    assert said["message"].endswith(reason)
    assert server.workers() == workers
    assert f"of='{said['message'].split(' failed')[0]}'" in server.log()


@pytest.mark.parametrize(
    ("cloud", "call", "reason"),
    [
        (
            "nothing",
            "nodes",
            "describe: it returned None; return an orchestrator_core.CloudDescription object",
        ),
        (
            "nothing",
            "node",
            "describe: it returned None; return an orchestrator_core.CloudDescription object",
        ),
        ("invalid_answers", "nodes", "list_nodes: Node.id is None at position 0; make it str"),
        ("invalid_answers", "node", "an answer that is not JSON"),
        (
            "invalid_answers",
            "images",
            "list_images: it returned None; return a list of orchestrator_core.Image",
        ),
        (
            "invalid_answers",
            "sizes",
            "list_sizes: it returned a str; return a list of orchestrator_core.Size",
        ),
        (
            "invalid_answers",
            "start",
            "start_vm: it returned None; return an orchestrator_core.Node object",
        ),
        (
            "invalid_values",
            "images",
            "list_images: it returned a Size at position 1; return orchestrator_core.Image objects",
        ),
        (
            "invalid_values",
            "sizes",
            "list_sizes: it returned a generator; return a list of orchestrator_core.Size",
        ),
        (
            "by_invalid_answers",
            "assign",
            "assign_vm: it returned a str; return an orchestrator_core.AssignmentResult object",
        ),
        (
            "by_invalid_answers",
            "release",
            "release_vm: it returned None; return an orchestrator_core.AssignmentResult object",
        ),
        (
            "by_invalid_answers",
            "status",
            "list_vms: it returned a dict; return a list of orchestrator_core.Vm",
        ),
        (
            "by_invalid_values",
            "assign",
            "resolve_vm: it returned None; return an orchestrator_core.Vm object",
        ),
    ],
)
def test_an_invalid_answer_is_reported_as_one(
    http: httpx2.Client, cloud: str, call: str, reason: str
) -> None:
    said = error(ask(http, cloud, call))
    assert (said["status_code"], said["error_code"]) == (502, "invalid_answer")
    assert said["message"].endswith(reason)


@pytest.mark.parametrize(
    ("cloud", "call"),
    [
        ("invalid_values", "nodes"),
        ("invalid_values", "node"),
        ("invalid_values", "start"),
        ("by_invalid_values", "status"),
    ],
)
def test_wrong_values_in_the_right_objects_are_invalid_too(
    http: httpx2.Client, cloud: str, call: str
) -> None:
    said = error(ask(http, cloud, call))
    assert (said["status_code"], said["error_code"]) == (502, "invalid_answer")


def test_a_backend_that_did_not_load_leaves_its_cloud_served(http: httpx2.Client) -> None:
    for call in ("assign", "release", "status"):
        said = error(ask(http, "by_import_error", call))
        assert (said["status_code"], said["error_code"]) == (503, "cloud_unavailable")
    assert ask(http, "by_import_error", "nodes").status_code == 200


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_destroyed_unless_the_backend_has_released_it(
    http: httpx2.Client, backend: str
) -> None:
    error(ask(http, f"by_{backend}", "release"))
    assert len(ask(http, f"by_{backend}", "nodes").json()["nodes"]) == 2


def test_the_report_over_http_names_each_and_says_why(server: Server) -> None:
    for _ in range(4):  # from any worker
        response = loopback.get(f"{server.url}/api/v2/plugins", timeout=SECONDS)
        for inner in FORBIDDEN:
            assert inner not in response.text
        plugins = response.json()["plugins"]
        for plugin in plugins:
            assert plugin["distribution"].startswith("vm-orchestrator")
            assert plugin["version"]
        clouds = [plugin for plugin in plugins if plugin["kind"] == "cloud"]
        assert {*CLOUDS, "dummy"} <= {plugin["name"] for plugin in clouds}
        for plugin in clouds:
            if plugin["name"] in REASONS:
                check_reason(plugin)
        for name, message in AT_RUN_TIME.items():
            (plugin,) = (p for p in clouds if p["name"] == name)
            assert plugin["state"] == "loaded"
            (use,) = plugin["used_by"]
            assert (use["name"], use["state"]) == (name, "failed")
            assert message in use["detail"]
        (dummy,) = (plugin for plugin in clouds if plugin["name"] == "dummy")
        assert {use["state"] for use in dummy["used_by"]} == {"ready"}
        (backend,) = (
            p for p in plugins if (p["kind"], p["name"]) == ("assignment", "import_error")
        )
        assert (backend["state"], backend["stage"]) == ("failed", "import")
        assert [use["state"] for use in backend["used_by"]] == ["failed"]


def check_reason(plugin: dict[str, Any]) -> None:
    state, stage, reason = REASONS[plugin["name"]]
    assert (plugin["state"], plugin["stage"]) == (state, stage)
    assert reason in plugin["detail"]
    assert not re.search(r"(?<![\w/])/\w+/", plugin["detail"]), plugin["detail"]


def test_a_name_that_two_packages_claim_is_given_to_neither(
    server: Server, http: httpx2.Client
) -> None:
    plugins = http.get(f"{server.url}/api/v2/plugins").json()["plugins"]
    rivals = {p["distribution"]: p["detail"] for p in plugins if p["name"] == "clashing"}
    one, two = (f"vm-orchestrator-broken-name-clash-{number}" for number in ("one", "two"))
    assert rivals.keys() == {one, two}
    assert f"also claimed by {two};" in rivals[one]
    assert f"also claimed by {one};" in rivals[two]
    assert all("deny one of them in [plugins]" in message for message in rivals.values())


def test_the_log_has_one_line_for_each(server: Server) -> None:
    lines = server.log().splitlines()
    for name, (state, _stage, reason) in REASONS.items():
        found = [line for line in lines if f"cloud {name} (" in line]
        assert len(found) == (2 if name == "clashing" else 1), name
        for line in found:
            assert f"plugin {state}" in line
            assert reason.replace("'", "\\'") in line or reason in line
    for name in [*AT_RUN_TIME, *ODD, "dummy"]:
        (line,) = (line for line in lines if f"cloud {name} (" in line)
        assert "plugin loaded" in line


def test_the_command_names_each_and_says_why(
    broken: dict[str, str], clean_environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "orchestrator_core.cli", "plugins"]
    environment = {**clean_environment, **broken, "COLUMNS": "400"}
    running = [
        subprocess.Popen(each, env=environment, stdout=subprocess.PIPE, text=True)
        for each in ([*command, "--json"], command)
    ]
    said, table = (process.communicate(timeout=30)[0] for process in running)
    assert [process.returncode for process in running] == [0, 0]
    found = [row for row in json.loads(said)["plugins"] if row["kind"] == "cloud"]
    for row in found:
        if row["name"] in REASONS:
            check_reason(row)
            (line, *_) = (text for text in table.splitlines() if row["distribution"] in text)
            assert row["version"] in line
    for state, stage, reason in REASONS.values():
        assert any(
            state in line and f"{stage}: " in line and reason in line for line in table.splitlines()
        ), reason
    assert {*CLOUDS, "dummy"} <= {row["name"] for row in found}
    (dummy,) = (row for row in found if row["name"] == "dummy")
    assert dummy["state"] == "loaded"
    assert "list_nodes" in dummy["hooks"]
