"""What keeps this installation from destroying what it should not: the blast radius."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from orchestrator_core.broker.ledger.ownership import NotOwn
from orchestrator_core.broker.ledger.vm import VmOrigin
from orchestrator_core.errors import DestroyHeld, DestroyLimit, Refused
from orchestrator_core.settings.model import CloudSettings
from orchestrator_core.state import installation
from orchestrator_core.state.clock import now
from orchestrator_core.state.clock_watch import ClockWatch
from orchestrator_core.state.tables import vms

_HOUR: Final = 3600.0


def check_may_destroy(vm: Row[Any], cloud: CloudSettings) -> None:
    """Do nothing if this VM may ever be destroyed by us.

    Raises:
        Refused: when it is protected, or not our own where only our own may be destroyed.
    """
    check_protected(vm)
    if cloud.destroy != "all" and vm.origin == VmOrigin.GIVEN:
        raise NotOwn(cloud.name, vm.node_id)


def check_protected(vm: Row[Any]) -> None:
    """Do nothing if a VM is not protected.

    Raises:
        Refused: when it is.
    """
    if vm.protected:
        raise Refused(f"Node {vm.node_id} is protected; take the protection away first")


def check_held(connection: Connection) -> None:
    """Do nothing if things may be destroyed just now.

    Raises:
        DestroyHeld: when somebody froze it, or the database came out of a backup.
    """
    held = installation.read(connection).held
    if held:
        raise DestroyHeld(f"Nothing is destroyed just now: {held}")


def check_rate(connection: Connection, cloud: CloudSettings, clock: ClockWatch) -> None:
    """Do nothing if one more VM may be destroyed within this hour.

    Whoever asks at the same time waits until this transaction has ended. An hour is longer by as
    much as the database's clock has jumped forward: a jump must not lift the limit.

    Raises:
        DestroyLimit: when the cloud's limit is reached.
    """
    most = cloud.destroys_per_hour
    if most is None:
        return
    if connection.dialect.name == "postgresql":
        lock = func.hashtext(f"destroys {cloud.name}")
        connection.execute(select(func.pg_advisory_xact_lock(lock)))
    began = vms.c.destroy_began_at
    hour = _HOUR + clock.gained(connection, _HOUR)
    recent, oldest = connection.execute(
        select(func.count(), func.min(began) + hour - now()).where(
            vms.c.cloud == cloud.name, counts(began, hour)
        )
    ).one()
    if recent >= most:
        raise DestroyLimit(
            f"Cloud {cloud.name} has destroys_per_hour = {most}, which is used up",
            retry_after=oldest if oldest is not None else _HOUR,
        )


def counts(began_at: ColumnElement[float | None], hour: float = _HOUR) -> ColumnElement[bool]:
    """Whether a VM that began to be destroyed then counts for the limit of an hour.

    Args:
        began_at: seconds since 1970 by the database's clock.
        hour: how many seconds an hour has by that clock.
    """
    return and_(began_at.is_not(None), began_at > now() - hour)
