"""Defaults of the settings that depend on the installed plugins or on other sections."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_core.plugins.contract import is_simulated
from orchestrator_core.plugins.loader import Plugins
from orchestrator_core.plugins.record import Kind, State
from orchestrator_core.settings.model import AssignmentSettings, Settings
from orchestrator_core.settings.schema import GIVEN


def with_defaults(settings: Settings, plugins: Plugins) -> Settings:
    """Return the settings with the defaults of each cloud's ``destroy`` and ``assignment``."""
    backend, assignments = _default_backend(settings, plugins)
    simulated = _simulated(settings, plugins)
    clouds = {
        name: replace(
            cloud,
            assignment=cloud.assignment or backend,
            destroy=cloud.destroy or ("all" if cloud.driver in simulated else "own"),
        )
        for name, cloud in settings.clouds.items()
    }
    return replace(settings, clouds=clouds, assignments=assignments)


def _default_backend(
    settings: Settings, plugins: Plugins
) -> tuple[str | None, dict[str, AssignmentSettings]]:
    """Return the backend of clouds that name none, if there is one, and the sections of all.

    A server with [state] has the backend ``given`` without a section for it, unless ``[plugins]``
    excludes it: an operator who allows only some plugins must not see a failure of another one.
    """
    sections = dict(settings.assignments)
    if settings.state is None:
        return None, sections
    named = {cloud.assignment for cloud in settings.clouds.values()}
    if GIVEN not in sections:
        is_default = None in named and _is_loaded(plugins)
        if is_default or GIVEN in named:
            sections[GIVEN] = AssignmentSettings(name=GIVEN, backend=GIVEN)
        return GIVEN if is_default else None, sections
    is_default = sections[GIVEN].backend == GIVEN
    return GIVEN if is_default else None, sections


def _is_loaded(plugins: Plugins) -> bool:
    record = plugins.get(Kind.ASSIGNMENT, GIVEN)
    return record is not None and record.state is State.LOADED


def _simulated(settings: Settings, plugins: Plugins) -> set[str]:
    """Return the drivers of the settings that are simulations.

    If a driver's plugin is not loaded, it is unknown whether it is one: its clouds get the safer
    default.
    """
    drivers = {cloud.driver for cloud in settings.clouds.values()}
    found = ((driver, plugins.get(Kind.CLOUD, driver)) for driver in drivers)
    return {
        driver for driver, record in found if record is not None and is_simulated(record.factory)
    }
