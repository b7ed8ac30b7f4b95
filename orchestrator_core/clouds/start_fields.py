"""The optional fields of a start: defaults from the settings, and what a cloud takes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from orchestrator_core.errors import InvalidParameter
from orchestrator_core.plugins.start_fields import TakenFields
from orchestrator_core.settings.faults import nearest
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.start_request import START_FIELDS, StartField

_OBJECTS: Final = ("root_disk", "tags", "metadata", "options")
"""The fields whose defaults are merged with a caller's value key by key."""

_MOST_FAULTS: Final = 8

Given = Mapping[str, Any]
"""The given fields of a start as JSON, by name."""


def complete(cloud: CloudSettings, taken: TakenFields, given: Given) -> dict[str, Any]:
    """Return the fields of a start with the cloud's defaults, after checking them.

    A default that excludes a field of the caller, or is excluded by one, is not used.

    Args:
        cloud: the settings of the cloud, with its defaults.
        taken: how the cloud takes each field.
        given: the caller's fields.

    Raises:
        InvalidParameter: for fields that the cloud does not take, with all reasons.
    """
    wanted = {name: value for name, value in given.items() if name in START_FIELDS}
    faults = list(_forbidden_options(cloud, wanted))
    merged = _merged(wanted, _usable_defaults(taken, cloud.start, wanted))
    faults += _faults(cloud, taken, merged)
    if faults:
        (field, reason), *others = faults[:_MOST_FAULTS]
        rest = "".join(f"; {name}: {why}" for name, why in others)
        raise InvalidParameter(field, f"{reason}{rest}", nothing_done=True)
    return merged


def reason_against_options(cloud: CloudSettings, taken: TakenFields) -> str | None:
    """Return why callers of a cloud cannot give ``options``; None if they can."""
    how = taken["options"]
    if isinstance(how, str):
        return how
    if not cloud.start_options:
        return f"the settings of cloud {cloud.name} name none in start_options"
    return None


def _usable_defaults(taken: TakenFields, defaults: Given, wanted: Given) -> dict[str, Any]:
    excluded = {name for field in wanted for name in _excludes(taken, field)}
    return {
        name: value
        for name, value in defaults.items()
        if name not in excluded and wanted.keys().isdisjoint(_excludes(taken, name))
    }


def _excludes(taken: TakenFields, field: str) -> tuple[str, ...]:
    how = taken[field]
    return how.excludes if isinstance(how, StartField) else ()


def _merged(wanted: Given, defaults: Given) -> dict[str, Any]:
    merged = {**defaults, **wanted}
    for name in _OBJECTS:
        if name in wanted and name in defaults:
            merged[name] = {**defaults[name], **wanted[name]}
    return merged


def _forbidden_options(cloud: CloudSettings, wanted: Given) -> Iterator[tuple[str, str]]:
    allowed = cloud.start_options
    for name in wanted.get("options", {}):
        if name not in allowed:
            have = f"they allow {', '.join(allowed)}" if allowed else "they allow none"
            hint = nearest(name, allowed)
            why = f"the settings of cloud {cloud.name} do not allow {name!r}{hint}"
            yield "options", f"{why} ({have}, in start_options)"


def _faults(cloud: CloudSettings, taken: TakenFields, merged: Given) -> Iterator[tuple[str, str]]:
    for name in START_FIELDS:
        how = taken[name]
        if name in merged:
            value = merged[name]
            if isinstance(how, str):
                # An empty value asks for nothing.
                if value not in ([], {}) or name == "spot":
                    yield name, f"cloud {cloud.name} does not take it: {how}"
            else:
                yield from _limits(cloud, name, how, value)
                yield from _exclusions(name, how, merged)
        elif isinstance(how, StartField) and how.required:
            where = f"an operator can set a default in [clouds.{cloud.name}.start]"
            yield name, f"is missing; cloud {cloud.name} starts no VM without it ({where})"


def _exclusions(name: str, how: StartField, merged: Given) -> Iterator[tuple[str, str]]:
    for other in how.excludes:
        if merged.get(other) not in (None, [], {}) and merged[name] not in ([], {}):
            yield name, f"cannot be given together with {other}; give one of them"


def _limits(
    cloud: CloudSettings, name: str, how: StartField, value: Any
) -> Iterator[tuple[str, str]]:
    if how.limit is not None and isinstance(value, list | dict) and len(value) > how.limit:
        what = "entry" if how.limit == 1 else "entries"
        yield name, f"cloud {cloud.name} takes at most {how.limit} {what}"
    if how.max_bytes is not None:
        size = _bytes(value)
        if size > how.max_bytes:
            yield name, f"is {size} bytes; cloud {cloud.name} takes at most {how.max_bytes}"
    if how.parts is not None:
        yield from _unknown_parts(cloud, name, how.parts, value)


def _bytes(value: Any) -> int:
    texts: Sequence[str] = [value] if isinstance(value, str) else list(value)
    return sum(len(text.encode()) for text in texts)


def _unknown_parts(
    cloud: CloudSettings, name: str, parts: Sequence[str], value: Any
) -> Iterator[tuple[str, str]]:
    for one in value if isinstance(value, list) else [value]:
        for part in one:
            # `keep: false` is what a cloud without a choice does anyway.
            if part not in parts and not (part == "keep" and one[part] is False):
                have = f"only {', '.join(parts)}" if parts else "none"
                yield name, f"cloud {cloud.name} does not take {part!r} in it ({have})"
