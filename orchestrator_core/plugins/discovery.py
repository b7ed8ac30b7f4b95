"""Finds every entry point of ours without importing anything.

``importlib.metadata`` is used directly: a plugin's distribution and version are needed
before it is imported, and a cache on disk may not lag behind what pip installed.
"""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint, distributions

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from orchestrator_core.plugins.record import Kind, PluginRecord

CORE_DISTRIBUTION = "vm-orchestrator"

_KINDS = {kind.group: kind for kind in Kind}


def discover() -> list[PluginRecord]:
    """Return a record for each entry point in our groups, sorted by kind, name, distribution."""
    records: dict[tuple[str, str, str], PluginRecord] = {}
    for distribution in distributions():
        for entry_point in distribution.entry_points:
            kind = _KINDS.get(entry_point.group)
            if kind is not None:
                record = _record(kind, distribution, entry_point)
                # The first on sys.path is the one that an import finds.
                records.setdefault((kind.value, record.name, record.distribution), record)
    return [records[key] for key in sorted(records)]


def _record(kind: Kind, distribution: Distribution, entry_point: EntryPoint) -> PluginRecord:
    return PluginRecord(
        kind=kind,
        name=entry_point.name,
        distribution=canonicalize_name(distribution.metadata["Name"] or "unknown"),
        version=distribution.version,
        entry_point=entry_point,
        requires_core=_range(distribution.requires or []),
    )


def _range(requirements: list[str]) -> str:
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) == CORE_DISTRIBUTION:
            return str(requirement.specifier)
    return ""
