"""A plugin's own migrations: where they are, in which order, and what its tables are called."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from orchestrator_core.errors import PluginError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST_NAME: Final = 24
"""Characters; PostgreSQL's names have 63, of which a table needs some for itself."""

_LONGEST_REVISION: Final = 32
"""Characters; Alembic's column has no more."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The history of one plugin's tables.

    Attributes:
        folder: where the revisions' modules are.
        history: the revisions, from the first to the newest.
        owner: ``extension_audit`` say; no other plugin has the same.
    """

    folder: Path
    history: tuple[str, ...]
    owner: str

    @property
    def prefix(self) -> str:
        """What the names of its tables begin with; none begins with another plugin's."""
        return f"{self.owner}__"

    @property
    def version_table(self) -> str:
        """Where Alembic writes down how far its history has come."""
        return f"alembic_version_{self.owner}"

    def owns(self, name: str) -> bool:
        """Whether a table, a sequence or a function of this name is the plugin's own."""
        return name.startswith(self.prefix) or name == self.version_table


def migrations_of(kind: str, name: str, factory: Any) -> Migrations | None:
    """Return the migrations that a plugin's class names; None when it names none.

    Args:
        kind: of the plugin: ``extension`` say.
        name: its entry point's.
        factory: its class.

    Raises:
        PluginError: when the package is not there, its history is no straight line, or the
            plugin's name cannot be a part of its tables' names.
    """
    package = getattr(factory, "migrations", None)
    if package is None:
        return None
    if not isinstance(package, str):
        raise PluginError(f"migrations is of type {type(package).__name__}; it names a package")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise PluginError(
            f"a plugin with tables needs a name of a-z, 0-9 and single underscores, of at most "
            f"{_LONGEST_NAME} characters; {name!r} is none"
        )
    folder = _folder(package)
    return Migrations(folder, read_history(folder), f"{kind}_{name}")


def _folder(package: str) -> Path:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(f"migrations names {package!r}, which is no package")
    return Path(next(iter(spec.submodule_search_locations)))


def read_history(folder: Path) -> tuple[str, ...]:
    """Return the revisions in a folder, from the first to the newest.

    The modules are read and not run: a server needs no Alembic to know that nothing is to be done.

    Raises:
        PluginError: when a module is no revision, or they are no straight line.
    """
    after: dict[str | None, str] = {}
    for file in sorted(folder.glob("*.py")):
        if file.name == "__init__.py":
            continue
        revision, before = _read_revision(file)
        if before in after:
            raise PluginError(
                f"migrations {after[before]} and {revision} both follow {before or 'nothing'}"
            )
        after[before] = revision
    history: list[str] = []
    at: str | None = None
    while at in after:
        at = after.pop(at)
        history.append(at)
    for before, revision in after.items():
        raise PluginError(
            f"migration {revision} follows {before}, which the first does not lead to"
        )
    if not history:
        raise PluginError("the migrations' package holds no migration")
    return tuple(history)


def _read_revision(file: Path) -> tuple[str, str | None]:
    try:
        module = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        raise PluginError(f"migration {file.name} is no Python") from None
    found = {name: value for line in module.body for name, value in _assigned(line)}
    revision, before = found.get("revision"), found.get("down_revision", ...)
    if not isinstance(revision, str) or not 0 < len(revision) <= _LONGEST_REVISION:
        raise PluginError(
            f'migration {file.name} has no revision = "..." of 1 to {_LONGEST_REVISION} characters'
        )
    if before is not None and not isinstance(before, str):
        raise PluginError(f"migration {file.name} has no down_revision = None or one revision")
    return revision, before


def _assigned(statement: ast.stmt) -> list[tuple[str, Any]]:
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return []
    assert statement.value is not None
    try:
        value = ast.literal_eval(statement.value)
    except ValueError:
        value = ...
    return [(target.id, value) for target in targets if isinstance(target, ast.Name)]
