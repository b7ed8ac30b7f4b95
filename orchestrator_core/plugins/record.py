"""The facts about one plugin, from its discovery to its last state."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from importlib.metadata import EntryPoint
from typing import Any

from orchestrator_core.hookspecs import AssignmentHooks, CloudHooks, ExtensionHooks
from orchestrator_core.plugins.migrations import Migrations

_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/'\"():,]+/)+")


class Kind(Enum):
    """The purpose of a plugin; the contract's version is part of the group's name."""

    CLOUD = "cloud"
    ASSIGNMENT = "assignment"
    EXTENSION = "extension"

    @property
    def group(self) -> str:
        """Return the entry-point group."""
        return f"orchestrator.{self.value}s.v1"

    @property
    def hookspecs(self) -> type:
        """Return the class of the hooks that a plugin of this kind may implement."""
        return _HOOKSPECS[self]


_HOOKSPECS: dict[Kind, type] = {
    Kind.CLOUD: CloudHooks,
    Kind.ASSIGNMENT: AssignmentHooks,
    Kind.EXTENSION: ExtensionHooks,
}


class State(Enum):
    """The last step of loading that a plugin has reached."""

    FOUND = "found"
    LOADED = "loaded"
    DISABLED = "disabled"
    INCOMPATIBLE = "incompatible"
    FAILED = "failed"


@dataclass(slots=True)
class PluginRecord:
    """One entry point and the result of loading it.

    Attributes:
        name: the entry point's name, which the settings use.
        distribution: the installed package with this entry point.
        stage: the step at which loading ended, if it failed: ``settings``, ``version``, ``name``,
            ``import``, ``hooks``, ``migrations``.
        message: the reason why loading ended there.
        hooks: the hooks that the plugin implements.
        migrations: the migrations of its own tables, if it has any.
        deprecations: the deprecated names that it uses, each with its replacement.
        warnings: the faults of its installation that do not prevent its use.
        factory: the class, once it is loaded.
    """

    kind: Kind
    name: str
    distribution: str
    version: str
    entry_point: EntryPoint
    requires_core: str = ""
    state: State = State.FOUND
    stage: str = ""
    message: str = ""
    hooks: tuple[str, ...] = ()
    migrations: Migrations | None = None
    deprecations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    factory: Any = field(default=None, repr=False)

    def end(self, state: State, stage: str, message: str) -> None:
        """Note that this plugin will not be used, and why."""
        self.state, self.stage, self.message = state, stage, message
        self.factory = None

    def report(self) -> dict[str, Any]:
        """Return the facts for HTTP and the command line, without folders of this machine."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "distribution": self.distribution,
            "version": self.version,
            "state": self.state.value,
            "stage": self.stage or None,
            "detail": _FOLDERS.sub("", self.message) or None,
            "hooks": list(self.hooks),
            "deprecations": list(self.deprecations),
            "warnings": [_FOLDERS.sub("", warning) for warning in self.warnings],
        }

    @property
    def label(self) -> str:
        """Return a text for log lines: ``cloud dummy (vm-orchestrator-dummy 0.1.0)``."""
        return f"{self.kind.value} {self.name} ({self.distribution} {self.version})"
