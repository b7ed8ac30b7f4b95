"""``orchestrator plugins``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from orchestrator_core.cli.lists import json_option, show_json
from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.plugins.loader import load_plugins
from orchestrator_core.plugins.record import Kind, PluginRecord, State
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.model import Settings


@click.command()
@config_option
@json_option
@with_clear_errors
def plugins(config: Path | None, *, as_json: bool) -> None:
    """List the installed plugins, with the reason if one is not loaded."""
    settings = load_settings(config)
    records = load_plugins(replace(settings.plugins, require=())).records
    if as_json:
        shown = [{**one.report(), "used_by": _uses(settings, one)} for one in records]
        show_json(json.dumps({"plugins": shown}).encode())
    elif records:
        Console(soft_wrap=True).print(_table(records))
    else:
        click.echo("No plugin is installed. Try: pip install vm-orchestrator-dummy")


def _uses(settings: Settings, record: PluginRecord) -> list[dict[str, str | None]]:
    """Return the sections of the settings that use a plugin, as version 2 of the API shows them.

    No object is made of the plugin, so that a section is `configured`, not `ready`.
    """
    users: dict[Kind, list[tuple[str, str]]] = {
        Kind.CLOUD: [(one.name, one.driver) for one in settings.clouds.values()],
        Kind.ASSIGNMENT: [(one.name, one.backend) for one in settings.assignments.values()],
        Kind.EXTENSION: [(one.name, one.extension) for one in settings.extensions.values()],
    }
    is_loaded = record.state is State.LOADED
    use = {
        "state": "configured" if is_loaded else "failed",
        "detail": None if is_loaded else record.report()["detail"],
    }
    return [{"name": name, **use} for name, plugin in users[record.kind] if plugin == record.name]


def _table(records: list[PluginRecord]) -> Table:
    table = Table("Plugin", "Kind", "Package", "Version", "State", "Hooks or reason")
    for record in records:
        reason = f"{record.stage}: {record.message}" if record.stage else ", ".join(record.hooks)
        reason = "\n".join([reason, *record.deprecations, *record.warnings])
        table.add_row(
            record.name,
            record.kind.value,
            record.distribution,
            record.version,
            record.state.value,
            reason,
        )
    return table
