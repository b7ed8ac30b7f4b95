"""The discovery of every plugin entry point, without importing anything.

``importlib.metadata`` is used directly, because a plugin's distribution and version are needed
before it is imported. A cache on disk could be older than the packages that pip has installed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions

import structlog
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from orchestrator_core.plugins.installed import ParsedOnce, installed
from orchestrator_core.plugins.record import Kind, PluginRecord

CORE_DISTRIBUTION = "vm-orchestrator"

_KINDS = {kind.group: kind for kind in Kind}

_NAME = re.compile(r"\s*([A-Za-z0-9._-]+)")

_log = structlog.get_logger(__name__)


def discover() -> list[PluginRecord]:
    """Return a record for each plugin entry point, sorted by kind, name and distribution."""
    found: dict[tuple[str, str, str], PluginRecord] = {}
    for source in map(ParsedOnce, distributions()):
        try:
            records = _read(source)
        except Exception as error:  # noqa: BLE001 - any package of the installation may be damaged
            _log.warning("package metadata unreadable", error=type(error).__name__)
            continue
        for record in records:
            found.setdefault((record.kind.value, record.name, record.distribution), record)
    return [found[key] for key in sorted(found)]


def _read(source: Distribution) -> list[PluginRecord]:
    text = source.read_text("entry_points.txt") or ""
    if not any(group in text for group in _KINDS):
        return []  # before anything is parsed, which takes most of the time of a discovery
    points = [(kind, p) for p in source.entry_points if (kind := _KINDS.get(p.group)) is not None]
    if not points:
        return []
    name = source.metadata["Name"]
    if name is None:
        return [_record(kind, source, point) for kind, point in points]
    found = installed(name, [point.value.partition(":")[0].strip() for _, point in points])
    if found is not None and not _is_same(found.distribution, source):
        return []
    warnings = (found.warning,) if found is not None and found.warning else ()
    return [_record(kind, source, point, warnings) for kind, point in points]


def _is_same(one: Distribution, other: Distribution) -> bool:
    return (one.version, one.locate_file("")) == (other.version, other.locate_file(""))


def _record(
    kind: Kind, source: Distribution, entry_point: EntryPoint, warnings: tuple[str, ...] = ()
) -> PluginRecord:
    return PluginRecord(
        kind=kind,
        name=entry_point.name,
        distribution=canonicalize_name(source.metadata["Name"] or "unknown"),
        version=source.version or "unknown",
        entry_point=entry_point,
        requires_core=_range(tuple(source.requires or ())),
        warnings=warnings,
    )


@lru_cache(maxsize=64)
def _range(requirements: tuple[str, ...]) -> str:
    """Return the versions of the core that satisfy all requirements together."""
    found = SpecifierSet()
    for text in requirements:
        if not _is_of_core(text):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found &= requirement.specifier
    return str(found)


def _is_of_core(requirement: str) -> bool:
    """Return whether a requirement begins with the core's name; the other ones are not parsed."""
    name = _NAME.match(requirement)
    return name is not None and canonicalize_name(name[1]) == CORE_DISTRIBUTION
