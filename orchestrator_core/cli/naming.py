"""Clouds and VMs as operators name them on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import rich_click as click

from orchestrator_core.errors import NodeNotFound
from orchestrator_core.settings.faults import nearest
from orchestrator_core.settings.load import load_settings
from orchestrator_core.settings.schema import DEFAULT

if TYPE_CHECKING:  # they need SQLAlchemy
    from sqlalchemy import Connection

    from orchestrator_core.broker.ledger.vm import VmKey
    from orchestrator_core.state.database import Database


def vm_named(config: Path | None, cloud: str, node: str) -> VmKey:
    """Return the key of the VM that the arguments name.

    Raises:
        BadParameter: The settings have no such cloud, or the id is empty.
    """
    from orchestrator_core.broker.ledger.vm import VmKey  # noqa: PLC0415 - needs SQLAlchemy

    settings = load_settings(config)
    name = settings.default_cloud if cloud == DEFAULT else cloud
    if name is None or name not in settings.clouds:
        _refuse_cloud(cloud, settings.clouds, "CLOUD")
    if not node.strip():
        raise click.BadParameter("must not be empty", param_hint="NODE")
    return VmKey(name, node)


def known_vm(connection: Connection, named: VmKey, otherwise: str = "") -> VmKey:
    """Return a VM with its name, as the database has it as a VM or as an orphan.

    Args:
        connection: The connection of the caller's transaction.
        named: The key of the VM.
        otherwise: The advice that the error adds.

    Raises:
        NodeNotFound: The database does not know the VM.
    """
    from orchestrator_core.broker.ledger import lookup  # noqa: PLC0415 - needs SQLAlchemy

    found = lookup.vm(connection, named)
    if found is None:
        refuse_namesake(connection, named)
        unknown = f"The database knows no node {named.node_id!r} of {named.cloud}"
        raise NodeNotFound(f"{unknown}{otherwise}")
    return found


def refuse_namesake(connection: Connection, named: VmKey) -> None:
    """Refuse a VM's name in the place of its id.

    Raises:
        NodeNotFound: The id is no known VM's id but a VM's name; the message has that VM's id.
    """
    from orchestrator_core.broker.ledger import lookup  # noqa: PLC0415 - needs SQLAlchemy

    ids = lookup.called(connection, named.cloud, named.node_id)
    if ids and named.node_id not in ids:
        raise NodeNotFound(
            f"{named.node_id!r} is the name of node {', '.join(ids)} of {named.cloud}; "
            "pass the node's id"
        )


def recorded_cloud(config: Path | None, database: Database, name: str | None) -> str | None:
    """Return the cloud that an option names: a cloud of the settings, or one with rows left.

    Raises:
        BadParameter: Neither the settings nor the database have the cloud.
    """
    from orchestrator_core.broker.ledger import lookup  # noqa: PLC0415 - needs SQLAlchemy

    if name is None:
        return None
    settings = load_settings(config)
    wanted = settings.default_cloud if name == DEFAULT else name
    if wanted is not None and (
        wanted in settings.clouds or database.read_now(lambda c: lookup.has_rows_of(c, wanted))
    ):
        return wanted
    return _refuse_cloud(name, settings.clouds, "--cloud")


def _refuse_cloud(name: str, clouds: Mapping[str, object], hint: str) -> NoReturn:
    if name == DEFAULT:
        why = "the settings name no default cloud"
    else:
        why = f"there is no cloud {name!r}{nearest(name, clouds)}"
    there = ", ".join(sorted(clouds)) or "none"
    raise click.BadParameter(f"{why}; the settings have: {there}", param_hint=hint)
