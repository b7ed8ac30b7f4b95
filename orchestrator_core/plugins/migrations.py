"""A plugin's own migrations: their folder, their order, and the names of the plugin's tables."""

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
"""The most characters of a name; PostgreSQL allows 63, of which a table needs some for itself."""

_LONGEST_REVISION: Final = 32
"""The most characters of a revision, which is the size of Alembic's column."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The history of one plugin's tables.

    Attributes:
        folder: the folder of the revisions' modules.
        history: the revisions, from the first to the newest.
        owner: the plugin's unique owner name, for example ``extension_audit``.
    """

    folder: Path
    history: tuple[str, ...]
    owner: str

    @property
    def prefix(self) -> str:
        """Return the beginning of its tables' names; no other plugin's prefix begins with it."""
        return f"{self.owner}__"

    @property
    def version_table(self) -> str:
        """Return the name of the table in which Alembic stores the current revision."""
        return f"alembic_version_{self.owner}"

    def owns(self, name: str) -> bool:
        """Return whether a table, a sequence or a function of this name belongs to the plugin."""
        return name.startswith(self.prefix) or name == self.version_table


def migrations_of(kind: str, name: str, factory: Any) -> Migrations | None:
    """Return the migrations that a plugin's class names; None when it names none.

    Args:
        kind: the kind of the plugin, for example ``extension``.
        name: the name of its entry point.
        factory: the plugin's class.

    Raises:
        PluginError: when the package does not exist, its history is not a straight line, or the
            plugin's name cannot be a part of its tables' names.
    """
    package = getattr(factory, "migrations", None)
    if package is None:
        return None
    if not isinstance(package, str):
        raise PluginError(f"migrations is of type {type(package).__name__}; it must name a package")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise PluginError(
            f"a plugin with tables needs a name of a-z, 0-9 and single underscores, of at most "
            f"{_LONGEST_NAME} characters; {name!r} is not one"
        )
    folder = _folder(package)
    return Migrations(folder, read_history(folder), f"{kind}_{name}")


def _folder(package: str) -> Path:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(f"migrations names {package!r}, which is not a package")
    return Path(next(iter(spec.submodule_search_locations)))


def read_history(folder: Path) -> tuple[str, ...]:
    """Return the revisions in a folder, from the first to the newest.

    The modules are parsed and not run, so that a server without pending migrations needs no
    Alembic.

    Raises:
        PluginError: when a module is not a revision, or the revisions are not a straight line.
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
            f"migration {revision} follows {before}, which does not follow from the first"
        )
    if not history:
        raise PluginError("the migrations' package contains no migration")
    return tuple(history)


def _read_revision(file: Path) -> tuple[str, str | None]:
    try:
        module = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        raise PluginError(f"migration {file.name} is not Python") from None
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
