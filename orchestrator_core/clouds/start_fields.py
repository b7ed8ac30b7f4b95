"""The optional fields of a start: defaults from the settings, and what a cloud takes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from orchestrator_core.errors import CloudUnavailable, InvalidParameter
from orchestrator_core.plugins.start_fields import TakenFields
from orchestrator_core.settings.faults import nearest
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.settings.secrets import reveal_all
from orchestrator_core.start_request import START_FIELDS, StartField
from orchestrator_core.validation.start_fields import MAX_USER_DATA

_OBJECTS: Final = ("root_disk", "tags", "metadata", "options")
"""The fields whose defaults are merged with a caller's value key by key."""

_MOST_FAULTS: Final = 8

Given = Mapping[str, Any]
"""The given fields of a start as JSON, by name."""


def complete(cloud: CloudSettings, taken: TakenFields, given: Given) -> dict[str, Any]:
    """Return the fields of a start with the cloud's defaults, after checking them.

    The result has the secrets of the defaults, which are read here and only once.

    A default that excludes a field of the caller, or is excluded by one, is not used. An empty
    list, an empty object and ``"spot": false`` ask for nothing, and replace a default.

    Args:
        cloud: the settings of the cloud, with its defaults.
        taken: how the cloud takes each field.
        given: the caller's fields.

    Raises:
        InvalidParameter: for fields that the cloud does not take, with all reasons.
        CloudUnavailable: when a secret of a default cannot be read.
    """
    wanted = {name: value for name, value in given.items() if name in START_FIELDS}
    merged = _merged(wanted, _usable_defaults(taken, cloud.start, wanted))
    asked = _revealed(cloud, merged)
    forbidden = list(_forbidden_options(cloud, taken, wanted))
    others = {name: value for name, value in asked.items() if name != "options" or not forbidden}
    faults = [
        *forbidden,
        *_faults(cloud, taken, others, wanted),
        *_missing(cloud, taken, asked),
    ]
    if faults:
        (field, reason), *further = faults[:_MOST_FAULTS]
        raise InvalidParameter(field, reason, nothing_done=True, others=further)
    return asked


def faults_of_settings(cloud: CloudSettings, taken: TakenFields) -> list[str]:
    """Return what is wrong with the defaults and ``start_options`` of a cloud's settings.

    Args:
        cloud: the settings of the cloud.
        taken: how the cloud takes each field.

    Raises:
        CloudUnavailable: when a secret of a default cannot be read.
    """
    defaults = _revealed(cloud, cloud.start)
    section = f"[clouds.{cloud.name}"
    faults = _faults(cloud, taken, defaults, defaults)
    return [
        *(f"{section}.start] {name}: {why}" for name, why in faults),
        *(f"{section}] start_options: {why}" for why in _wrong_options(cloud, taken)),
    ]


def _wrong_options(cloud: CloudSettings, taken: TakenFields) -> Iterator[str]:
    how = taken["options"]
    if cloud.start_options and isinstance(how, str):
        yield f"cloud {cloud.name} does not take options: {how}"
    elif isinstance(how, StartField) and how.parts is not None:
        for name in cloud.start_options:
            if name not in how.parts:
                yield f"the driver has no option {name!r}{nearest(name, how.parts)}"


def reason_against_options(cloud: CloudSettings, taken: TakenFields) -> str | None:
    """Return why callers of a cloud cannot give ``options``; None if they can."""
    how = taken["options"]
    if isinstance(how, str):
        return how
    if not cloud.start_options:
        return f"start_options of cloud {cloud.name} names none that callers may give"
    return None


def _asks(name: str, value: Any) -> bool:
    """Return whether a value asks for something: an empty one does not."""
    return value is not False if name == "spot" else value not in ([], {})


def _revealed(cloud: CloudSettings, fields: Given) -> dict[str, Any]:
    """Return the fields that ask for something, with the secrets of the defaults."""
    try:
        return {name: reveal_all(value) for name, value in fields.items() if _asks(name, value)}
    except ValueError as error:
        raise CloudUnavailable(
            f"The defaults of a start on cloud {cloud.name} cannot be used: {error}"
        ) from None


def _usable_defaults(taken: TakenFields, defaults: Given, wanted: Given) -> dict[str, Any]:
    asked = {name for name, value in wanted.items() if _asks(name, value)}
    excluded = {name for field in asked for name in _excludes(taken, field)}
    return {
        name: value
        for name, value in defaults.items()
        if name not in excluded and asked.isdisjoint(_excludes(taken, name))
    }


def _excludes(taken: TakenFields, field: str) -> tuple[str, ...]:
    how = taken[field]
    return how.excludes if isinstance(how, StartField) else ()


def _merged(wanted: Given, defaults: Given) -> dict[str, Any]:
    merged = {**defaults, **wanted}
    for name in _OBJECTS:
        if wanted.get(name) and name in defaults:
            merged[name] = {**defaults[name], **wanted[name]}
    return merged


def _forbidden_options(
    cloud: CloudSettings, taken: TakenFields, wanted: Given
) -> Iterator[tuple[str, str]]:
    allowed = cloud.start_options
    if isinstance(taken["options"], str):
        return  # the reason why it takes none is told instead
    for name in wanted.get("options", {}):
        if name in allowed:
            continue
        why = f"the settings of cloud {cloud.name} do not allow {name!r}"
        if allowed:
            yield (
                "options",
                f"{why}{nearest(name, allowed)} (start_options allows {', '.join(allowed)})",
            )
        else:
            yield "options", f"{why}: {reason_against_options(cloud, taken)}"


def _faults(
    cloud: CloudSettings, taken: TakenFields, asked: Given, wanted: Given
) -> Iterator[tuple[str, str]]:
    """Yield the faults of fields that ask for something; those of defaults say so."""
    for name in START_FIELDS:
        if name in asked:
            source = "" if name in wanted else f"the default of [clouds.{cloud.name}.start] "
            for why in _faults_of(cloud, taken, asked, name):
                yield name, f"{source}{why}"


def _faults_of(cloud: CloudSettings, taken: TakenFields, asked: Given, name: str) -> Iterator[str]:
    how, value = taken[name], asked[name]
    if isinstance(how, str):
        yield f"is not taken by cloud {cloud.name}: {how}"
        return
    if how.limit is not None and isinstance(value, list | dict) and len(value) > how.limit:
        what = "entry" if how.limit == 1 else "entries"
        yield f"has {len(value)} entries; cloud {cloud.name} takes at most {how.limit} {what}"
    most = how.max_bytes
    if name == "user_data":
        # The schema cannot check a default that is read from a file.
        most = MAX_USER_DATA if most is None else min(most, MAX_USER_DATA)
    if most is not None and (size := _bytes(value)) > most:
        yield f"is {size} bytes; cloud {cloud.name} takes at most {most}"
    if how.parts is not None:
        yield from _unknown_parts(cloud, how.parts, value)
    for other in START_FIELDS[START_FIELDS.index(name) + 1 :]:
        # Each pair once, whether one field excludes the other or each does.
        if other in asked and (other in how.excludes or name in _excludes(taken, other)):
            yield f"cannot be given together with {other}; give one of them"


def _missing(cloud: CloudSettings, taken: TakenFields, asked: Given) -> Iterator[tuple[str, str]]:
    for name, how in taken.items():
        if isinstance(how, StartField) and how.required and name not in asked:
            where = f"an operator can set a default in [clouds.{cloud.name}.start]"
            yield name, f"is missing; cloud {cloud.name} starts no VM without it ({where})"


def _bytes(value: Any) -> int:
    texts: Sequence[str] = [value] if isinstance(value, str) else list(value)
    return sum(len(text.encode()) for text in texts)


def _unknown_parts(cloud: CloudSettings, parts: Sequence[str], value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        for part in one:
            # `keep: false` is what a cloud without a choice does anyway.
            if part not in parts and not (part == "keep" and one[part] is False):
                have = f"only {', '.join(parts)}" if parts else "none"
                yield f"has {part!r}, which cloud {cloud.name} does not take ({have})"
