"""The plugins that the settings allow, deny and require."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import commands, loopback

CLOUD = '[clouds.fake_driver]\ndriver = "dummy"\n'


def states(url: str) -> dict[tuple[str, str], str]:
    plugins = loopback.get(f"{url}/api/v2/plugins").json()["plugins"]
    return {(plugin["distribution"], plugin["name"]): plugin["state"] for plugin in plugins}


@pytest.mark.parametrize("word", ["dummy", "VM_Orchestrator.Dummy"])
def test_what_is_denied_is_not_loaded(serve: Any, word: str) -> None:
    server = serve(f'{CLOUD}[plugins]\ndeny = ["{word}"]\n')
    assert states(server.url)["vm-orchestrator-dummy", "dummy"] == "disabled"
    answer = loopback.get(f"{server.url}/api/v1/nodes/fake_driver")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "cloud_unavailable")


def test_only_what_is_allowed_is_loaded(serve: Any, broken: dict[str, str]) -> None:
    server = serve(f'{CLOUD}[plugins]\nallow = ["dummy"]\n', environment=broken)
    found = states(server.url)
    assert found.pop(("vm-orchestrator-dummy", "dummy")) == "loaded"
    assert set(found.values()) == {"disabled"}
    assert loopback.get(f"{server.url}/api/v1/nodes/fake_driver").status_code == 200


def test_what_no_setting_names_is_not_imported(serve: Any, broken: dict[str, str]) -> None:
    server = serve(CLOUD, environment=broken)
    found = states(server.url)
    assert found.pop(("vm-orchestrator-dummy", "dummy")) == "loaded"
    (wrong_version,) = (key for key in found if key[1] == "wrong_core_version")
    assert found.pop(wrong_version) == "incompatible"
    clashes = [found.pop(key) for key in list(found) if key[1] == "clashing"]
    assert clashes == ["failed", "failed"]
    assert set(found.values()) == {"found"}
    assert "plugin not used" in server.log()
    assert "plugin failed" in server.log()  # the clash
    assert "wrong Python" not in server.log()

    shown = json.loads(commands.run("plugins", "--json", environment=broken).stdout)["plugins"]
    assert {one["state"] for one in shown if one["name"] == "system_exit"} == {"failed"}


def test_to_deny_one_settles_a_clash(serve: Any, broken: dict[str, str]) -> None:
    denied = "vm-orchestrator-broken-name-clash-two"
    settings = f'[plugins]\ndeny = ["{denied}"]\n[clouds.one]\ndriver = "clashing"\n'
    server = serve(settings, environment=broken)
    found = states(server.url)
    assert found["vm-orchestrator-broken-name-clash-one", "clashing"] == "loaded"
    assert found[denied, "clashing"] == "disabled"
    served = loopback.get(f"{server.url}/api/v1/cloud").json()["served_cloud"]
    assert served == [{"name": "one", "type": "Broken", "host": None}]


@pytest.mark.parametrize(
    ("required", "why"),
    [
        ("system_exit", "is failed at import: SystemExit: wrong Python"),
        ("vm-orchestrator-broken-misspelt-hook", "is failed at hooks: unknown hook"),
        ("wrong_core_version", "is incompatible at version"),
        ("not-there", "not-there: not installed"),
    ],
)
def test_without_what_is_required_the_server_does_not_start(
    serve: Any, broken: dict[str, str], required: str, why: str
) -> None:
    settings = f'{CLOUD}[plugins]\nrequire = ["dummy", "{required}"]\n'
    server = serve(settings, workers=4, environment=broken, up=False)
    assert server.process.wait(timeout=20) != 0
    assert "A required plugin is missing" in server.log()
    assert f"{required}: " in server.log()
    assert why in server.log()
    assert "Traceback" not in server.log()


def test_with_what_is_required_it_starts(serve: Any, broken: dict[str, str]) -> None:
    settings = f'{CLOUD}[plugins]\nrequire = ["dummy", "vm-orchestrator-dummy", "clashing"]\n'
    denied = 'deny = ["vm-orchestrator-broken-name-clash-two"]\n'
    server = serve(settings + denied, environment=broken)
    assert loopback.get(f"{server.url}/api/v1/nodes/fake_driver").status_code == 200


@pytest.mark.parametrize(
    ("driver", "help_"),
    [("dumy", '; did you mean "dummy"?'), ("zebra", "pip install vm-orchestrator-zebra")],
)
def test_a_driver_that_is_not_installed_is_named_with_what_may_help(
    serve: Any, driver: str, help_: str
) -> None:
    server = serve(f'[clouds.a]\ndriver = "{driver}"\n', up=False)
    assert server.process.wait(timeout=20) != 0
    for part in ("orchestrator.toml: [clouds.a] driver: ", f'"{driver}"', help_):
        assert part in server.log()
    # A mistyped name may be that of a stranger's package.
    assert ("pip install" in server.log()) == (driver == "zebra")
    assert "Traceback" not in server.log()
