"""``orchestrator protect``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import config_option, opened, with_clear_errors


@click.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@click.option("--off", is_flag=True, help="Take the protection away again.")
@with_clear_errors
def protect(config: Path | None, cloud: str, node: str, *, off: bool) -> None:
    """Let a VM never be destroyed through this server, whoever asks."""
    from orchestrator_core.broker import vms  # noqa: PLC0415 - needs SQLAlchemy
    from orchestrator_core.broker.vm import VmKey  # noqa: PLC0415

    with opened(config) as database:
        key = VmKey(cloud, node)
        database.write_now(lambda connection: vms.protect(connection, key, protected=not off))
    click.echo(f"{node} of {cloud} is {'not protected any more' if off else 'protected'}")
