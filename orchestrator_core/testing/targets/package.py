"""A plugin's package: its metadata, its class, its files."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from email.message import Message
from functools import cache, cached_property
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

from marshmallow import Schema

import orchestrator_core
from orchestrator_core.plugins.contract import settings_schema
from orchestrator_core.plugins.discovery import CORE_DISTRIBUTION, discover
from orchestrator_core.plugins.loader import load_plugins
from orchestrator_core.plugins.record import Kind, PluginRecord, State
from orchestrator_core.settings.model import (
    AssignmentSettings,
    CloudSettings,
    ExtensionSettings,
    PluginSettings,
)
from orchestrator_core.testing.targets.subject import Subject
from orchestrator_core.testing.targets.target import NotReady

_SECTIONS: Final = {
    Kind.CLOUD: CloudSettings,
    Kind.ASSIGNMENT: AssignmentSettings,
    Kind.EXTENSION: ExtensionSettings,
}

_CORE: Final = "orchestrator_core"
_PUBLIC_MODULES: Final = (_CORE, f"{_CORE}.testing")

_PUBLIC_NAMES: Final = {*orchestrator_core.__all__, *orchestrator_core.DEPRECATED, "testing"}

_IMPORT: Final = """
import importlib, sys, threading
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print(f"the import uses the network: {event}", flush=True)
        raise RuntimeError("the network is blocked during the import")
sys.addaudithook(refuse)
importlib.import_module(sys.argv[1])
others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
if others:
    print(f"the import starts threads: {others}", flush=True)
"""


class PackageUnderTest:
    """The parts of a package that tests check.

    Args:
        subject: The plugin in the package.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @cached_property
    def claims(self) -> list[PluginRecord]:
        """The installed entry points with this kind and name."""
        wanted = (self.subject.kind, self.subject.name)
        return [record for record in discover() if (record.kind, record.name) == wanted]

    @property
    def record(self) -> PluginRecord:
        """The record of the plugin before the import.

        Raises:
            NotReady: No package or several packages name the plugin.
        """
        if len(self.claims) != 1:
            raise NotReady(f"{len(self.claims)} packages name the plugin")
        return self.claims[0]

    @property
    def is_the_core(self) -> bool:
        """Whether the plugin is part of the core."""
        return self.record.distribution == CORE_DISTRIBUTION

    @cached_property
    def loaded(self) -> PluginRecord:
        """The record of the plugin after loading."""
        settings = PluginSettings(allow=(self.subject.name,))
        record = load_plugins(settings).get(self.subject.kind, self.subject.name)
        assert record is not None
        return record

    @property
    def factory(self) -> Any:
        """The plugin's class.

        Raises:
            NotReady: The plugin cannot be loaded.
        """
        if self.loaded.state is not State.LOADED:
            raise NotReady(f"the plugin is {self.loaded.state.value}")
        return self.loaded.factory

    @property
    def schema(self) -> Schema:
        """The schema of the plugin's settings."""
        schema: Schema = settings_schema(self.factory)()
        return schema

    @property
    def core_keys(self) -> set[str]:
        """The core's own keys in a section of this kind."""
        return {field.name for field in fields(_SECTIONS[self.subject.kind])}

    def import_elsewhere(self) -> str:
        """Import the plugin in a new process; return the error, or an empty text."""
        paths = os.pathsep.join(path for path in sys.path if path)
        return _import_elsewhere(self.record.entry_point.value.partition(":")[0], paths)

    def unmarked(self) -> Iterator[str]:
        """Yield the hooks whose methods the class has without marking them."""
        known = {name for name in vars(self.subject.kind.hookspecs) if not name.startswith("_")}
        for name in known - set(self.loaded.hooks):
            if callable(getattr(self.factory, name, None)):
                yield name

    def private_imports(self) -> Iterator[str]:
        """Yield the names of the core that the package's files import and that are not public."""
        for file in self._files():
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield from _private(node)

    def _files(self) -> Iterator[Path]:
        module: str = self.factory.__module__
        spec = find_spec(module if self.is_the_core else module.partition(".")[0])
        assert spec is not None
        for folder in spec.submodule_search_locations or ():
            for file in Path(folder).rglob("*.py"):
                if "tests" not in file.relative_to(folder).parts:
                    yield file
        if spec.submodule_search_locations is None and spec.origin is not None:
            yield Path(spec.origin)

    def missing_metadata(self) -> list[str]:
        """Return the required fields that the metadata lacks."""
        metadata = cast("Message", distribution(self.record.distribution).metadata)
        licence = metadata.get("License-Expression") or metadata.get("License")
        readme = metadata.get("Description") or metadata.get_payload()
        there = {
            "Summary": metadata.get("Summary"),
            "Description": str(readme or "").strip(),
            "License": licence,
            "Requires-Python": metadata.get("Requires-Python"),
        }
        return [name for name, value in there.items() if not value]


@cache  # A module may have several plugins, and this process imports it only once, too.
def _import_elsewhere(module: str, paths: str) -> str:
    done = subprocess.run(  # noqa: S603 - runs this interpreter with a constant program
        [sys.executable, "-c", _IMPORT, module],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and not done.stdout:
        return done.stderr.strip().rpartition("\n")[2]
    return done.stdout.strip()


def _private(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for name in (alias.name for alias in node.names):
            if name.partition(".")[0] == _CORE and name not in _PUBLIC_MODULES:
                yield name
    elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == _CORE:
        assert node.module is not None
        for name in (alias.name for alias in node.names):
            public = node.module == _CORE and name in _PUBLIC_NAMES
            if not public and node.module not in _PUBLIC_MODULES[1:]:
                yield f"{node.module}.{name}"
