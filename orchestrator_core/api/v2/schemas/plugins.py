"""Schemas of the installed plugins."""

from __future__ import annotations

from marshmallow import Schema

from orchestrator_core.api.v2.schemas.fields import list_of, one_of, optional, text, texts
from orchestrator_core.plugins.record import Kind, State


class PluginUseSchema(Schema):
    """A section of the settings that uses a plugin."""

    name = text("The name of the cloud, the backend or the extension in the settings.")
    state = one_of(
        "Whether it can be used. `orchestrator plugins` prints `configured`: it loads plugins, and "
        "makes no objects of them.",
        *("ready", "failed", "configured"),
    )
    detail = optional("Why it cannot be used; null if it can.")


class PluginSchema(Schema):
    """A plugin that is installed, and the result of loading it."""

    name = text("The name by which the settings choose it.")
    kind = one_of("The kind of plugin.", *(kind.value for kind in Kind))
    distribution = text("The installed package.")
    version = text("The version of the package.")
    state = one_of(
        "The result of loading it. A server leaves a plugin `found` if no setting names it.",
        *(state.value for state in State),
    )
    stage = optional("The step at which loading ended; null if it did not fail.")
    detail = optional("Why loading ended there; null if it did not fail.")
    hooks = texts("The hooks that it implements.")
    deprecations = texts("The deprecated names that it uses, each with its replacement.")
    warnings = texts("The faults of its installation that do not prevent its use.")
    used_by = list_of(PluginUseSchema)


class PluginsSchema(Schema):
    """The plugins found."""

    plugins = list_of(PluginSchema)
