"""Deprecated parts of the contract: the plugin is loaded, and its author is warned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import httpx2
import pluggy
import pytest

import orchestrator_core
from orchestrator_core.deprecation import DeprecatedName, Deprecation
from orchestrator_core.hookspecs import PROJECT, CloudHooks
from orchestrator_core.model import Node
from orchestrator_core.plugins.contract import check_class
from orchestrator_core.plugins.record import Kind
from tests import commands
from tests.conftest import Serve

HOOK = "the hook list_nodes is deprecated since 0.2: implement list_machines"
ARGUMENT = "the argument hints of list_images is deprecated since 0.2: leave it out"
NAME = "orchestrator_core.Machine is deprecated since 0.2: use Node"

PLANT = """
import orchestrator_core
from orchestrator_core.deprecation import DeprecatedName, Deprecation
from orchestrator_core.hookspecs import CloudHooks

hook, argument = CloudHooks.list_nodes.orchestrator_spec, CloudHooks.list_images.orchestrator_spec
hook["warn_on_impl"] = Deprecation("0.2", "implement list_machines")
argument["warn_on_impl_args"] = {"hints": Deprecation("0.2", "leave it out")}
entry = DeprecatedName(orchestrator_core.Node, "0.2", "use Node")
orchestrator_core.DEPRECATED["Machine"] = entry
"""
"""The deprecations of a later version of the core, registered by the plugin itself."""

DRIVER = """
from orchestrator_core import CloudDescription, Machine, hookimpl

class Driver:
    def __init__(self, context, settings):
        pass

    @hookimpl
    def describe(self):
        return CloudDescription("old", "Old")

    @hookimpl
    def list_nodes(self, hints):
        return [Machine("1", "one")]

    @hookimpl
    def list_images(self, hints):
        return []

    @hookimpl
    def list_sizes(self):
        return []
"""


SUITE = """
from orchestrator_core.testing import BasePackage, Kind, Subject

class TestOld(BasePackage):
    subject = Subject(Kind.CLOUD, "old")
"""


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for hook, option, mark in (
        ("list_nodes", "warn_on_impl", Deprecation("0.2", "implement list_machines")),
        ("list_images", "warn_on_impl_args", {"hints": Deprecation("0.2", "leave it out")}),
    ):
        monkeypatch.setitem(getattr(getattr(CloudHooks, hook), f"{PROJECT}_spec"), option, mark)
    entry = DeprecatedName(Node, "0.2", "use Node")
    monkeypatch.setitem(orchestrator_core.DEPRECATED, "Machine", entry)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which it is installed, with every warning of ours as an error."""
    folder = tmp_path / "installed"
    metadata = folder / "old-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: old\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[orchestrator.clouds.v1]\nold = old:Driver\n")
    (folder / "old.py").write_text(PLANT + DRIVER)
    errors = "error:deprecated since,error:orchestrator_core,error:the "
    return {"PYTHONPATH": str(folder), "PYTHONWARNINGS": errors}


def test_a_server_loads_it_and_says_what_to_do(serve: Serve, environment: dict[str, str]) -> None:
    server = serve('[clouds.old]\ndriver = "old"\n', workers=2, environment=environment)
    with httpx2.Client(base_url=f"{server.url}/api") as http:
        assert [node["id"] for node in http.get("/v1/nodes/old").json()["nodes"]] == ["1"]
        found = {plugin["name"]: plugin for plugin in http.get("/v2/plugins").json()["plugins"]}
    assert found["old"]["deprecations"] == [NAME, ARGUMENT, HOOK]
    assert found["dummy"]["deprecations"] == []
    lines = [line for line in server.log().splitlines() if "uses a deprecated name" in line]
    assert len(lines) == 3, "once each, however many workers there are"
    for line, what in zip(lines, (NAME, ARGUMENT, HOOK), strict=True):
        assert "warning" in line
        assert "cloud old (old 1.0)" in line
        assert what in line


def test_the_commands_show_it(
    environment: dict[str, str], clean_environment: dict[str, str]
) -> None:
    def run(*options: str) -> str:
        variables = {**clean_environment, **environment, "COLUMNS": "300"}
        done = commands.run("plugins", *options, environment=variables)
        done.check_returncode()
        return done.stdout

    shown = run()
    for what in (NAME, ARGUMENT, HOOK):
        assert what in shown
    (old,) = (plugin for plugin in json.loads(run("--json"))["plugins"] if plugin["name"] == "old")
    assert old["state"] == "loaded"
    assert old["deprecations"] == [NAME, ARGUMENT, HOOK]


def test_its_author_sees_it_in_the_tests(
    environment: dict[str, str], clean_environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "test_old.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-k", "loads"]
    command += ["-p", "orchestrator_core.pytest_plugin"]  # Only that one, which is faster.
    variables = {**clean_environment, "PYTHONPATH": environment["PYTHONPATH"], "COLUMNS": "300"}
    variables["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    for what in (NAME, ARGUMENT, HOOK):
        assert f"DeprecationWarning: {what}" in done.stdout


@pytest.mark.usefixtures("planted")
def test_pluggy_itself_would_warn() -> None:
    classes: dict[str, type] = {}
    with pytest.warns(DeprecationWarning, match=NAME):
        exec(compile(DRIVER, "driver", "exec"), classes)  # noqa: S102 - our own
    driver = classes["Driver"]
    plugins = pluggy.PluginManager(PROJECT)
    plugins.add_hookspecs(CloudHooks)
    with pytest.warns(Deprecation) as caught:
        plugins.register(driver)
    said = {str(one.message) for one in caught}
    assert {f"{text.partition(' is ')[2]}" for text in (HOOK, ARGUMENT)} == said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_class(Kind.CLOUD, driver).deprecations == (ARGUMENT, HOOK)


@pytest.mark.usefixtures("planted")
def test_the_place_that_is_named_is_the_one_that_asks() -> None:
    with pytest.warns(DeprecationWarning, match=NAME) as caught:
        assert orchestrator_core.Machine is Node  # type: ignore[attr-defined]
    assert [(str(one.message), one.filename) for one in caught] == [(NAME, __file__)]


def test_what_never_was_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'orchestrator_core' has no attribute 'Nod'"):
        orchestrator_core.Nod  # type: ignore[attr-defined] # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Nod' from 'orchestrator_core'"):
        from orchestrator_core import Nod  # type: ignore[attr-defined] # noqa: F401, PLC0415
