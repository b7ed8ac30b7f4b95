"""The conversion of a settings file to :class:`Settings`, or to one error with all faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError

from orchestrator_core.settings.exposure import keep_marked, keep_references
from orchestrator_core.settings.faults import (
    Fault,
    SettingsFaults,
    faults,
    nearest,
    settings_error,
)
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import BASE_DIRECTORY, base_directory
from orchestrator_core.settings.resolve import guess, resolve
from orchestrator_core.settings.schema import GIVEN, SettingsSchema
from orchestrator_core.settings.source import Source, read


def load_settings(
    file: Path | str | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read and check the settings.

    Args:
        file: the TOML file; by default the file that ``ORCHESTRATOR_CONFIG`` names. Without either
            the built-in defaults hold, which configure no cloud.
        environ: the variables that replace the process's environment.

    Raises:
        SettingsError: naming each fault by file and key.
    """
    return settings_of(read(Path(file) if file is not None else None, environ))


def settings_of(source: Source) -> Settings:
    """Check the settings that were read.

    Raises:
        SettingsError: naming each fault by file and key.
    """
    schema = SettingsSchema()
    base = BASE_DIRECTORY.set(base_directory(source.file))
    try:
        data = schema.load(resolve(source.data, schema))
    except ValidationError as error:
        wrong = settings_error(faults(error.messages, schema), source.file, source.origins)
        wrong.rest = _rest(source, wrong)
        raise wrong from None
    finally:
        BASE_DIRECTORY.reset(base)
    for section in ("clouds", "assignments", "extensions"):
        data[section] = {
            name: replace(item, name=name) for name, item in data.get(section, {}).items()
        }
    data["allow_removal"] = tuple(data.get("allow_removal", ()))
    settings = Settings(**data, file=source.file, origins=source.origins)
    base = BASE_DIRECTORY.set(base_directory(source.file))
    try:
        keep_references(settings)
    finally:
        BASE_DIRECTORY.reset(base)
    dangling = list(_dangling(settings))
    if dangling:
        wrong = settings_error(dangling, settings.file, settings.origins)
        wrong.rest = settings
        raise wrong
    return settings


def _rest(source: Source, wrong: SettingsFaults) -> Settings | None:
    """Return the settings without their faulty keys, in which further faults may be found.

    A table that lacks a key is left out. None if the rest cannot be used either.
    """
    data = deepcopy(source.data)
    for path, _ in wrong.found:
        _remove(data, path)
    if data == source.data:
        return None
    try:
        return settings_of(replace(source, data=data))
    except SettingsFaults as error:
        return error.rest


def _remove(data: dict[str, Any], path: tuple[str, ...]) -> None:
    """Remove a faulty key; if the key is missing, or is in a list, remove what contains it."""
    table: Any = data
    for depth, key in enumerate(path[:-1]):
        if key not in table:
            return  # removed for another fault
        if not isinstance(table[key], dict):
            _remove(data, path[: depth + 1])
            return
        table = table[key]
    if path[-1] in table:
        del table[path[-1]]
    elif len(path) > 1:
        _remove(data, path[:-1])


def _dangling(settings: Settings) -> Iterator[Fault]:
    """Yield the references to parts of the settings that do not exist."""
    default = settings.default_cloud
    if default is not None and default not in settings.clouds:
        hint = nearest(default, settings.clouds)
        have = f" (configured: {', '.join(settings.clouds)})" if settings.clouds else ""
        yield ("default_cloud",), f"there is no [clouds.{default}]{hint}{have}"
    # A server with [state] has the backend `given` without a section for it.
    backends = {*settings.assignments, *([GIVEN] if settings.state is not None else [])}
    for cloud in settings.clouds.values():
        backend = cloud.assignment
        if backend is not None and backend not in backends:
            hint = nearest(backend, backends)
            have = f" (configured: {', '.join(sorted(backends))})" if backends else ""
            yield (
                ("clouds", cloud.name, "assignment"),
                f"there is no [assignments.{backend}]{hint}{have}",
            )


def load_section(
    schema: Schema,
    data: Mapping[str, Any],
    settings: Settings,
    path: tuple[str, ...],
    known: tuple[str, ...],
) -> dict[str, Any]:
    """Check one plugin's part of the settings with that plugin's schema.

    Args:
        schema: the plugin's own schema.
        data: the plugin's part of the settings.
        settings: the whole settings, for the name of their file.
        path: the place of the part, for example ``("clouds", "aws")``.
        known: the core's own keys at that place, for the hint at a misspelt one.

    Raises:
        SettingsError: naming each fault by file and key.
    """
    base = BASE_DIRECTORY.set(settings.file.resolve().parent if settings.file else Path.cwd())
    try:
        loaded: dict[str, Any] = schema.load(resolve(data, schema, guess))
    except ValidationError as error:
        found = faults(error.messages, schema, path, known)
        raise settings_error(found, settings.file, settings.origins) from None
    finally:
        BASE_DIRECTORY.reset(base)
    keep_marked(schema, loaded)
    return loaded
