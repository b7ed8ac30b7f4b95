"""Limits on destruction: protection, ownership, freeze and the number of VMs an hour."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from orchestrator_core.broker.ledger.ownership import not_own
from orchestrator_core.broker.ledger.vm import VmOrigin
from orchestrator_core.errors import DestroyHeld, DestroyLimit
from orchestrator_core.refusals import Protected
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state import installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.clock_watch import ClockWatch
from orchestrator_core.state.tables import vms

_HOUR: Final = 3600.0


def check_may_destroy(vm: Row[Any], cloud: CloudSettings) -> None:
    """Check that this installation may destroy a VM.

    Raises:
        Refused: The VM is protected, or its cloud has ``destroy = "own"`` and the VM was neither
            started nor adopted by this installation.
    """
    check_protected(vm)
    if cloud.destroy != "all" and vm.origin == VmOrigin.GIVEN:
        raise not_own(cloud.name, vm.node_id)


def check_protected(vm: Row[Any]) -> None:
    """Check that a VM is not protected.

    Raises:
        Refused: The VM is protected.
    """
    if vm.protected:
        raise Protected(f"Node {vm.node_id} is protected; remove the protection first")


def check_no_hold(connection: Connection) -> None:
    """Raise DestroyHeld while destruction is frozen or under review.

    Raises:
        DestroyHeld: An operator froze destruction, or an operator must confirm the database after
            a restore or a move.
    """
    held = installation.read(connection).held
    if held:
        raise DestroyHeld(f"No VM can be destroyed now: {held}")


def check_rate(connection: Connection, cloud: CloudSettings, clock: ClockWatch) -> None:
    """Check that one more VM of a cloud may be destroyed within this hour.

    A concurrent check of the same cloud waits until this transaction has ended. If the database's
    clock has jumped forward, the hour is longer by the size of the jump: a jump must not lift the
    limit.

    Raises:
        DestroyLimit: The cloud's limit is reached.
    """
    most = cloud.destroys_per_hour
    if most is None:
        return
    if connection.dialect.name == "postgresql":
        lock = func.hashtext(f"destroys {cloud.name}")
        connection.execute(select(func.pg_advisory_xact_lock(lock)))
    began = vms.c.destroy_started_at
    hour = _HOUR + clock.gained(connection, _HOUR)
    recent, oldest = connection.execute(
        select(func.count(), func.min(began) + hour - now()).where(
            vms.c.cloud == cloud.name, counts(began, hour)
        )
    ).one()
    if recent >= most:
        raise DestroyLimit(
            f"Cloud {cloud.name} has reached its limit destroys_per_hour = {most}",
            retry_after=oldest if oldest is not None else _HOUR,
        )


def counts(started_at: ColumnElement[float | None], hour: float = _HOUR) -> ColumnElement[bool]:
    """Return the condition that a VM counts towards the limit of the last hour.

    Args:
        started_at: The time when the VM's destruction began, in seconds since 1970 by the
            database's clock.
        hour: The length of an hour by that clock, in seconds.
    """
    return and_(started_at.is_not(None), started_at > now() - hour)
