"""A manager of stevedore's extensions, with the guarantees that the core promises.

stevedore (https://docs.openstack.org/stevedore) loads entry points one by one. Its own manager
reads them from a cache on disk. It does not catch an AssertionError or SystemExit of a plugin. If
two packages claim a name, it uses the last one.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from typing import Any

from stevedore.extension import Extension, ExtensionManager

from orchestrator_core.deprecation import noticed
from orchestrator_core.errors import PluginError
from orchestrator_core.plugins.contract import check_class
from orchestrator_core.plugins.migrations import migrations_of
from orchestrator_core.plugins.record import Kind, PluginRecord, State


class PluginManager(ExtensionManager[Any]):
    """A manager that imports the plugins of one kind and records how each import ended.

    Args:
        kind: the kind of the plugins.
        records: every plugin of that kind from the discovery.
        is_used: whether to import a plugin. Those in the state FOUND are imported, in the order of
            the records; the others stay as they are.
    """

    def __init__(
        self, kind: Kind, records: Sequence[PluginRecord], is_used: Callable[[PluginRecord], bool]
    ) -> None:
        self.records = records
        self._is_used = is_used
        refuse_clashes(records)
        super().__init__(kind.group, on_load_failure_callback=_record_failure)

    def list_entry_points(self) -> list[EntryPoint]:
        """Return the entry points to load, as they are installed now."""
        found = [one for one in self.records if one.state is State.FOUND]
        return [one.entry_point for one in found if self._is_used(one)]

    def record_of(self, entry_point: EntryPoint) -> PluginRecord:
        """Return the record of an entry point that this manager loads."""
        # Compare by identity, because two packages may have equal entry points.
        return next(one for one in self.records if one.entry_point is entry_point)

    def _load_one_plugin(
        self,
        ep: EntryPoint,
        invoke_on_load: bool,  # noqa: FBT001 - as stevedore calls it
        invoke_args: tuple[Any, ...],
        invoke_kwds: dict[str, Any],
    ) -> Extension[Any] | None:
        """Import a plugin and read its contract; return None if that failed."""
        known = set(sys.modules)
        try:
            with noticed() as names:
                found = super()._load_one_plugin(ep, invoke_on_load, invoke_args, invoke_kwds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit must not end the server
            _record_failure(self, ep, error)
            _forget_modules(ep, known)
            return None
        assert found is not None
        is_loaded = _read_contract(self.record_of(ep), found.plugin, names)
        return found if is_loaded else None


def refuse_clashes(records: Sequence[PluginRecord]) -> None:
    """Refuse plugins that claim one name: credentials could reach the wrong plugin."""
    claims: dict[tuple[Kind, str], list[PluginRecord]] = defaultdict(list)
    for record in records:
        if record.state is State.FOUND:
            claims[record.kind, record.name].append(record)
    for rivals in claims.values():
        for record in rivals if len(rivals) > 1 else ():
            others = ", ".join(r.distribution for r in rivals if r is not record)
            record.end(
                State.FAILED,
                "name",
                f"the name {record.name!r} is also claimed by {others}; "
                "deny one of them in [plugins]",
            )


def _forget_modules(entry_point: EntryPoint, known: set[str]) -> None:
    """Remove what a failed import has left of a plugin's package, so that the next one reads it.

    Python keeps the modules of a package that could be imported. One of them may have been empty
    while its file was being replaced, and its names would be missing until the process ends.
    """
    package = entry_point.value.partition(":")[0].strip().partition(".")[0]
    for name in set(sys.modules) - known:
        if name == package or name.startswith(f"{package}."):
            sys.modules.pop(name, None)


def describe_error(error: BaseException) -> str:
    """Return an error's class and text on one line; the text may run the plugin's code too."""
    try:
        text = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001
        text = "(an error whose text cannot be read)"
    return f"{type(error).__name__}: {text}".rstrip(": ")


def _record_failure(
    manager: ExtensionManager[Any], entry_point: EntryPoint, error: BaseException
) -> None:
    assert isinstance(manager, PluginManager)
    manager.record_of(entry_point).end(State.FAILED, "import", describe_error(error))


def _read_contract(record: PluginRecord, factory: Any, names: Sequence[str]) -> bool:
    """Read hooks and migrations of an imported plugin; return whether both could be read."""
    stage = "hooks"
    try:
        contract = check_class(record.kind, factory)
        record.deprecations = (*names, *contract.deprecations)
        stage = "migrations"
        record.migrations = migrations_of(record.kind.value, record.name, factory)
    except PluginError as error:
        record.end(State.FAILED, stage, error.message)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a class may raise from any attribute
        record.end(State.FAILED, stage, describe_error(error))
    else:
        record.state, record.factory, record.hooks = State.LOADED, factory, contract.hooks
    return record.state is State.LOADED
