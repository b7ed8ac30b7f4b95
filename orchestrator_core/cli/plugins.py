"""``orchestrator plugins``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.plugins.loader import load_plugins
from orchestrator_core.plugins.record import PluginRecord
from orchestrator_core.settings.load import load_settings


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_clear_errors
def plugins(config: Path | None, *, as_json: bool) -> None:
    """List the installed plugins, with the reason if one is not loaded."""
    settings = replace(load_settings(config).plugins, require=())
    records = load_plugins(settings).records
    if as_json:
        click.echo(json.dumps([record.report() for record in records], indent=2))
    elif records:
        Console(soft_wrap=True).print(_table(records))
    else:
        click.echo("No plugin is installed. Try: pip install vm-orchestrator-dummy")


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
