"""``orchestrator status``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import rich_click as click

from orchestrator_core.cli.lists import json_option, moment, show_json
from orchestrator_core.cli.options import config_option, opened, with_clear_errors

_SILENT: Final = 60.0
"""Seconds without a heartbeat after which a process is marked as silent."""


@click.command()
@config_option
@json_option
@with_clear_errors
def status(config: Path | None, *, as_json: bool) -> None:
    """Show the processes of all machines, and what waits for an operator."""
    from orchestrator_core.broker.operations import status as rows  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.broker.queries import orphans_of, processes  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        held, clock, found = database.read_now(processes)
        if as_json:
            from orchestrator_core.api.v2.answers import encode_processes  # noqa: PLC0415 - seldom needed

            show_json(encode_processes(held, clock, found))
            return
        unfinished = database.read_now(rows.unfinished_by_state)
        orphans, _ = database.read_now(lambda c: orphans_of(c, None))
    click.echo("\n".join(map(_line, found)) or "No process is running")
    click.echo(f"Destroying VMs: {f'held, {held}' if held else 'allowed'}")
    if clock:
        click.echo(f"The database's clock is in doubt: {clock}")
    click.echo(f"Unfinished operations: {_counts(unfinished)}")
    undecided = Counter(orphan.cloud for orphan in orphans if orphan.ignored_at is None)
    click.echo(f"Orphans to decide about: {_counts(undecided)}")


def _line(process: Mapping[str, Any]) -> str:
    since = moment(process["started_at"])
    silent = f", silent for {process['silent']:.0f} s" if process["silent"] > _SILENT else ""
    return f"{process['id']} {process['kind']} {process['version']} since {since}{silent}"


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "none"
