"""A cloud, a backend and an extension with a table of their own each, all of one name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from orchestrator_core import (
    Call,
    CloudDescription,
    CredentialsRefused,
    Forbidden,
    Node,
    NodeNotFound,
    PluginContext,
    Unsupported,
    Vm,
    hookimpl,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection


class _Counts:
    """Writes a row for each call into the table of its kind."""

    migrations = f"tried_tables.{os.environ.get('TRIED_MIGRATIONS', 'both')}"
    table: ClassVar[str]

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self.state = context.state

    def count(self, what: str) -> int:
        """Write a row; return how many there are of what."""
        from sqlalchemy import (  # noqa: PLC0415 - loaded only where there is a database
            Double,
            Integer,
            Text,
            column,
            func,
            insert,
            select,
            table,
        )

        columns = (column("what", Text), column("pid", Integer), column("at", Double))
        calls = table(self.table, *columns)
        state = self.state
        if state is None:
            raise Unsupported("no [state], no tables")

        def work(connection: Connection) -> int:
            row = {"what": what, "pid": os.getpid(), "at": state.now}
            connection.execute(insert(calls).values(row))
            query = select(func.count()).where(calls.c.what == what, calls.c.at <= state.now)
            return connection.execute(query).scalar_one()

        return state.write(work)


class Cloud(_Counts):
    """Has as many nodes as it was asked for lists of them."""

    table = "cloud_tried__calls"
    gone_after: ClassVar[int] = 2
    refused: ClassVar[bool] = os.environ.get("TRIED_CREDENTIALS") != "old"

    @hookimpl
    def describe(self) -> CloudDescription:
        """Say what it is."""
        return CloudDescription("tried", "Tried")

    @hookimpl
    def list_nodes(self) -> Sequence[Node]:
        """Count."""
        if not Cloud.refused:
            Cloud.refused = True
            raise CredentialsRefused("They have changed")
        return [Node(str(number), "x") for number in range(self.count("list_nodes"))]

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        """Count; there is one until the first is destroyed."""
        self.count("get_node")
        if Cloud.gone_after <= self.count("looked"):
            raise NodeNotFound(f"There is no node {node_id}")
        return Node(node_id, "x")

    @hookimpl
    def stop_vm(self) -> None:
        """Count."""
        self.count("stop_vm")


class Backend(_Counts):
    """Has as many VMs as it was asked for lists of them."""

    table = "assignment_tried__calls"

    @hookimpl
    def list_vms(self) -> Sequence[Vm]:
        """Count."""
        return [Vm(number, str(number), "x") for number in range(self.count("list_vms"))]


class Extension(_Counts):
    """Lets every caller make three calls."""

    table = "extension_tried__calls"

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Count, and deny the fourth to a cloud."""
        if call.cloud and self.count(call.caller) > 3:
            raise Forbidden("Three are enough")
