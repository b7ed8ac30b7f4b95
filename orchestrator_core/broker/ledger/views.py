"""Queries for the VMs that a cloud may not show yet, still shows, or shows without their holder."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, select

from orchestrator_core.broker.ledger.queries import holders
from orchestrator_core.broker.ledger.view import LedgerView
from orchestrator_core.broker.ledger.vm import VmOrigin
from orchestrator_core.broker.operations.start_answer import node_of
from orchestrator_core.broker.states import OperationState, Step
from orchestrator_core.model import Node, NodeState
from orchestrator_core.state.clock import now
from orchestrator_core.state.database import Database
from orchestrator_core.state.tables import operations, vms

_ENDING: Final = select(operations.c.node_id).where(
    operations.c.cloud == bindparam("of_cloud"),
    operations.c.finished_at.is_(None),
    operations.c.step == Step.CONFIRM.value,
    # A paused deletion waits for an operator, because the cloud shows that the VM lives on.
    operations.c.state != OperationState.PAUSED.value,
)

_NEW: Final[Select[Any]] = (
    select(vms.c.node_id, vms.c.name, operations.c.result)
    .add_columns((vms.c.created_at + bindparam("visibility") - now()).label("left"))
    .outerjoin(operations, operations.c.id == vms.c.operation_id)
    .where(
        vms.c.cloud == bindparam("of_cloud"),
        vms.c.gone_at.is_(None),
        vms.c.seen_at.is_(None),
        vms.c.origin == VmOrigin.STARTED.value,
        vms.c.created_at > now() - bindparam("visibility"),
        # A cloud that has accepted the deletion of a VM knew it; it does not show it any more.
        vms.c.node_id.not_in(_ENDING),
    )
    .order_by(vms.c.id)
)


def new_node(connection: Connection, cloud: str, node_id: str, seconds: float) -> Node | None:
    """Return a VM that was started here within the given seconds as a pending node; or None."""
    query = _NEW.where(vms.c.node_id == node_id)
    row = connection.execute(query, {"of_cloud": cloud, "visibility": seconds}).first()
    return None if row is None else _pending(row)


def view_of(connection: Connection, cloud: str, visibility: float) -> tuple[LedgerView, float]:
    """Return the view of a cloud, and the seconds until it changes by the passing of time alone.

    Args:
        connection: The connection of the caller's transaction.
        cloud: The name of the cloud.
        visibility: The seconds after a start until the cloud shows its VM.
    """
    given = {"of_cloud": cloud, "visibility": visibility}
    rows = connection.execute(_NEW, given).all()
    new = {row.node_id: _pending(row) for row in rows}
    ending = connection.execute(_ENDING, {"of_cloud": cloud}).scalars()
    view = LedgerView(holders(connection, cloud), new, frozenset(ending))
    return view, min((row.left for row in rows), default=math.inf)


def _pending(row: Row[Any]) -> Node:
    if row.result is None or "node" not in row.result:  # the start waits until its VM is ready
        return Node(row.node_id, row.name or row.node_id, NodeState.PENDING)
    return replace(node_of(row.result), state=NodeState.PENDING, secrets={})


@dataclass(frozen=True, slots=True)
class _Kept:
    version: Hashable
    until: float
    view: LedgerView


class LedgerViews:
    """The views of all clouds, read again only after a commit to the database.

    An SQLite file tells cheaply whether any process has committed something. Other databases are
    read each time.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, _Kept] = {}

    def of(self, cloud: str, visibility: float) -> LedgerView:
        """Return the present view of a cloud; the same object while nothing in it changes.

        This blocks. The arguments are those of :func:`view_of`.

        Raises:
            StateUnavailable: The database cannot be reached.
        """
        version = self._database.version  # before the read: a later commit must not be missed
        kept = self._kept.get(cloud)
        if kept and version == kept.version is not None and time.monotonic() < kept.until:
            return kept.view
        begun = time.monotonic()
        view, left = self._database.read_now(lambda c: view_of(c, cloud, visibility))
        if kept is not None and view == kept.view:
            view = kept.view
        self._kept[cloud] = _Kept(version, begun + left, view)
        return view
