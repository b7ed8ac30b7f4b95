"""``orchestrator plugin sweep``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import with_clear_errors
from orchestrator_core.cli.plugin.options import cloud_option, live_option
from orchestrator_core.errors import SettingsError


@click.command()
@click.argument("name")
@live_option
@cloud_option
@click.option(
    "--yes", is_flag=True, help="Destroy the nodes. Without it the command only lists them."
)
@with_clear_errors
def sweep(name: str, live: Path | None, cloud: str | None, *, yes: bool) -> None:
    """List the nodes that live runs of the plugin NAME have left in a cloud.

    With --yes, destroy them. Their names begin with orchestrator-live-; other nodes are not
    touched.
    """
    from orchestrator_core.testing.runner.live import sweeping_subject  # noqa: PLC0415
    from orchestrator_core.testing.targets.cloud import (  # noqa: PLC0415 - needs the extra
        CloudUnderTest,
    )

    if live is None:
        raise SettingsError("--live SETTINGS is required: it names the cloud to search")
    under_test = CloudUnderTest(sweeping_subject(name, live, cloud))
    try:
        for node_id in sorted(under_test.left()):
            click.echo(f"{node_id}  {under_test.nodes()[node_id]['name']}")
        if yes:
            under_test.sweep()
            click.echo("Destroyed")
    finally:
        under_test.close()
