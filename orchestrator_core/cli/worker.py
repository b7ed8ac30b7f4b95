"""``orchestrator worker``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from orchestrator_core.cli.options import config_option, with_clear_errors
from orchestrator_core.errors import SettingsError
from orchestrator_core.server.handed import take_over
from orchestrator_core.settings.load import load_settings


@click.command()
@config_option
@click.option(
    "--supervised", type=int, metavar="PID", hidden=True, help="Stop when this parent process ends."
)
@with_clear_errors
def worker(config: Path | None, *, supervised: int | None) -> None:
    """Run the durable worker: finish interrupted operations, expire leases, destroy released VMs.

    `orchestrator serve` runs one beside its web workers. Several durable workers, also on several
    machines, share the work.
    """
    try:
        from orchestrator_core.server.durable import run  # noqa: PLC0415 - needs SQLAlchemy
    except (
        ImportError,
        SyntaxError,
        OSError,
    ) as error:  # during an upgrade of the package
        raise SettingsError(f"the installation is incomplete: {error}") from None

    handed = None if supervised is None else take_over()
    run(handed or load_settings(config), supervisor=supervised)
