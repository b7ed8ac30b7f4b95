"""The table of lists, against the installed Libcloud and the README."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from libcloud.compute import drivers
from libcloud.compute.providers import DRIVERS

from orchestrator_libcloud import providers
from orchestrator_libcloud.listing.provider_lists import LISTS, Lists, Who

_README = Path(__file__).parent.parent / "README.md"
_PREFIX = "libcloud.compute.drivers."


def test_the_table_names_only_modules_that_are_there() -> None:
    assert {module.name for module in pkgutil.iter_modules(drivers.__path__)} >= LISTS.keys()


@pytest.mark.parametrize("provider", providers.names())
def test_every_provider_has_its_lines(provider: str) -> None:
    assert _module(provider) in LISTS


@pytest.mark.parametrize(("name", "lists"), LISTS.items())
def test_each_line_fits(name: str, lists: Lists) -> None:
    importlib.import_module(_PREFIX + name)
    assert (lists.who is Who.PLUGIN) <= (lists.rule is not None)
    assert (lists.who is Who.PLUGIN) <= bool(lists.why)
    assert not lists.pages.startswith("no") or lists.who is Who.UNPAGED
    assert lists.unclear


def test_the_readme_has_the_table() -> None:
    text = _README.read_text()
    assert table() in text, f"the README should have:\n{table()}"


def table() -> str:
    lines = [
        "| provider | pages of its API | the rest is fetched by | incomplete lists |",
        "| --- | --- | --- | --- |",
    ]
    for lists, names in _grouped():
        who = f"{lists.who}: {lists.why}" if lists.why else str(lists.who)
        lines.append(f"| {', '.join(names)} | {lists.pages} | {who} | {lists.unclear} |")
    return "\n".join(lines) + "\n"


def _grouped() -> list[tuple[Lists, list[str]]]:
    found: dict[int, tuple[Lists, list[str]]] = {}
    for provider in providers.names():
        lists = LISTS[_module(provider)]
        found.setdefault(id(lists), (lists, []))[1].append(provider)
    return list(found.values())


def _module(provider: str) -> str:
    path: str = {str(name): path for name, (path, _) in DRIVERS.items()}[provider]
    return path.removeprefix(_PREFIX)
