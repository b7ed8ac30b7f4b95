"""The parts of gunicorn that are extended: each exists in the installed release."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.metadata import requires, version
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from orchestrator_core.server.protocol import Protocol
from orchestrator_core.server.worker import Worker

PAGE: Final = Path(__file__).parents[2] / "CONTRIBUTING.md"

NAMES: Final = (
    ("gunicorn.asgi.parser", "ParseError"),
    ("gunicorn.errors", "HaltServer"),
    ("gunicorn.app.wsgiapp", "WSGIApplication"),
    ("gunicorn.glogging", "Logger"),
)


def extended(ours: type) -> list[str]:
    """Return the overridden methods that call the base class's method."""
    return [
        name
        for name, method in vars(ours).items()
        if inspect.isfunction(method) and f"super().{name}(" in inspect.getsource(method)
    ]


@pytest.mark.parametrize("ours", [Worker, Protocol])
def test_what_is_extended_is_there_and_stands_in_the_page(ours: type) -> None:
    names = [name for name in extended(ours) if name != "__init__"]
    assert names
    page = PAGE.read_text(encoding="utf-8")
    for name in names:
        assert callable(getattr(ours.__mro__[1], name, None)), name
        assert f"`{name}`" in page or "methods of `asyncio.Protocol`" in page, name
        assert not name.startswith("_") or f"`{name}`" in page, name


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_the_names_that_are_imported_are_there(module: str, name: str) -> None:
    assert hasattr(import_module(module), name)
    assert module in PAGE.read_text(encoding="utf-8")


def test_security_releases_of_the_tested_version_are_let_in() -> None:
    (ours,) = (
        one
        for line in requires("vm-orchestrator") or ()
        if (one := Requirement(line)).name == "gunicorn"
    )
    major, minor, patch = (int(part) for part in version("gunicorn").split(".")[:3])
    for later in (f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0"):
        assert later in ours.specifier
