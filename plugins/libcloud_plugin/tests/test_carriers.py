"""The table of marker carriers, against the installed Libcloud and the README."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from orchestrator_libcloud import providers
from orchestrator_libcloud.capabilities import takes
from orchestrator_libcloud.nodes.carriers import CARRIERS, carrier_of
from orchestrator_libcloud.support import chosen, unsupported

_README = Path(__file__).parent.parent / "README.md"
_PREFIX = "libcloud.compute.drivers."
MARKER = f"0123456789ab-{'d' * 32}"


def of(provider: str) -> Any:
    return chosen({"provider": provider, "arguments": {}}, providers.load(provider))


def test_the_table_names_only_what_is_there() -> None:
    for name in CARRIERS:
        module, _, cls = name.partition(".")
        found = importlib.import_module(_PREFIX + module)
        assert not cls or hasattr(found, cls)


@pytest.mark.parametrize("provider", providers.names())
def test_its_arguments_are_taken(provider: str) -> None:
    driver_class = of(provider)
    carrier = carrier_of(driver_class)
    if carrier is None:
        return
    put = carrier.put({"name": "web"}, MARKER)
    assert carrier.argument in put
    own = inspect.signature(driver_class.create_node).parameters.values()
    if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in own):
        assert put.keys() <= takes(driver_class, "create_node").keys()


@pytest.mark.parametrize(
    ("provider", "name", "extra"),
    [
        ("azure_arm", "web", {"tags": {"orchestrator-marker": MARKER}}),
        ("brightbox", f"web-{MARKER}", {}),
        ("cloudsigma", "web", {"meta": {"orchestrator-marker": MARKER}}),
        ("ec2", "web", {"tags": {}, "client_token": MARKER}),
        ("equinixmetal", "web", {"description": f"orchestrator-marker:{MARKER}"}),
        ("eucalyptus", "web", {"tags": {"orchestrator-marker": MARKER}, "client_token": "t0ken"}),
        ("rackspace", "web", {"metadata": {"orchestrator-marker": MARKER}}),
        ("scaleway", "web", {"tags": ["mine", f"orchestrator-marker:{MARKER}"]}),
    ],
)
def test_where_it_comes_back(provider: str, name: str, extra: dict[str, Any]) -> None:
    carrier = carrier_of(of(provider))
    assert carrier is not None
    assert carrier.read(name, extra) == MARKER
    assert carrier.shown(name) == "web"
    assert carrier.read("web", {}) is None


@pytest.mark.parametrize("token", ["ABCDE", "", None, MARKER + "0", 7])
def test_others_client_tokens_are_no_markers(token: Any) -> None:
    carrier = carrier_of(of("ec2"))
    assert carrier is not None
    assert carrier.read("web", {"tags": {}, "client_token": token}) is None


@pytest.mark.parametrize("provider", ["nimbus", "cloudstack", "vultr", "ovh"])
def test_where_nothing_does_there_is_a_reason(provider: str) -> None:
    found = unsupported({"provider": provider, "arguments": {}}, providers.load(provider))
    assert "by which its start can be found" in found["find_node"]
    assert "start_vm" not in found


def test_the_readme_has_the_table() -> None:
    assert table() in _README.read_text(), f"the README should have:\n{table()}"


def table() -> str:
    rows: dict[str, list[str]] = {}
    for provider in providers.names():
        rows.setdefault(_how(provider), []).append(provider)
    lines = [f"| {', '.join(names)} | {how} |" for how, names in rows.items()]
    return "\n".join(["| provider | place of the marker |", "| --- | --- |", *lines]) + "\n"


def _how(provider: str) -> str:
    settings = {"provider": provider, "arguments": {}}
    carrier = carrier_of(of(provider))
    starts = "start_vm" not in unsupported(settings, providers.load(provider))
    how = carrier.how if carrier is not None else "none"
    return how if starts else f"{how}; starts are not supported"
