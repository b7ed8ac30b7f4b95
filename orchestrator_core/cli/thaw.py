"""``orchestrator thaw``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import config_option, opened, with_clear_errors


@click.command()
@config_option
@with_clear_errors
def thaw(config: Path | None) -> None:
    """Resume destroying VMs after `freeze`."""
    from orchestrator_core.state import installation  # noqa: PLC0415 - needs SQLAlchemy

    with opened(config) as database:
        frozen = database.write_now(installation.thaw)
        held = database.read_now(installation.read).held
    done = f"Thawed; it was {frozen}" if frozen else "It was not frozen"
    click.echo(
        f"{done}; nothing is destroyed yet: {held}" if held else f"{done}: VMs are destroyed again"
    )
