"""``orchestrator protect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orchestrator_core.cli.naming import refuse_namesake, vm_named
from orchestrator_core.cli.options import config_option, opened, with_clear_errors
from orchestrator_core.errors import NodeNotFound

if TYPE_CHECKING:  # it needs SQLAlchemy
    from sqlalchemy import Connection


@click.command()
@config_option
@click.argument("cloud")
@click.argument("node")
@click.option("--off", is_flag=True, help="Remove the protection.")
@with_clear_errors
def protect(config: Path | None, cloud: str, node: str, *, off: bool) -> None:
    """Protect a VM: this server does not destroy it, whatever the request or the caller.

    A VM that the database does not know yet can be protected as well.
    """
    from orchestrator_core.broker.ledger import lookup, vms  # noqa: PLC0415 - needs SQLAlchemy

    key = vm_named(config, cloud, node)

    def work(connection: Connection) -> bool:
        is_known = lookup.vm(connection, key) is not None
        if not is_known:
            refuse_namesake(connection, key)
        if off and vms.get(connection, key.cloud, node) is None:
            raise NodeNotFound(f"Node {node!r} of {key.cloud} is not protected: it is not known")
        vms.protect(connection, key, protected=not off)
        return is_known

    with opened(config) as database:
        is_known = database.write_now(work)
    click.echo(f"{node} of {key.cloud} is {'no longer protected' if off else 'protected'}")
    if not is_known and not off:
        click.echo(
            f"orchestrator: the database knows no node {node!r} of {key.cloud} yet; "
            "check the id, because the protection has no effect if the cloud has no such node",
            err=True,
        )
