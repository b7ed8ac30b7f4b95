"""A cloud, a backend and an extension, each with a table of its own and all of one name."""

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
    """A counter that writes a row for each call into the table of its kind."""

    migrations = f"tried_tables.{os.environ.get('TRIED_MIGRATIONS', 'both')}"
    table: ClassVar[str]

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self.state = context.state

    def count(self, what: str) -> int:
        """Write a row; return the number of rows of that call."""
        from sqlalchemy import (  # noqa: PLC0415 - loaded only with a database
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
    """A cloud with as many nodes as lists were requested."""

    table = "cloud_tried__calls"
    gone_after: ClassVar[int] = 2
    refused: ClassVar[bool] = os.environ.get("TRIED_CREDENTIALS") != "old"

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return its description."""
        return CloudDescription("tried", "Tried")

    @hookimpl
    def list_nodes(self) -> Sequence[Node]:
        """Count the call and return the nodes."""
        if not Cloud.refused:
            Cloud.refused = True
            raise CredentialsRefused("They have changed")
        return [Node(str(number), "x") for number in range(self.count("list_nodes"))]

    @hookimpl
    def get_node(self, node_id: str) -> Node:
        """Count the call; return the node until the first is destroyed."""
        self.count("get_node")
        if Cloud.gone_after <= self.count("looked"):
            raise NodeNotFound(f"There is no node {node_id}")
        return Node(node_id, "x")

    @hookimpl
    def stop_vm(self) -> None:
        """Count the call."""
        self.count("stop_vm")


class Backend(_Counts):
    """A backend with as many VMs as lists were requested."""

    table = "assignment_tried__calls"

    @hookimpl
    def list_vms(self) -> Sequence[Vm]:
        """Count the call and return the VMs."""
        return [Vm(number, str(number), "x") for number in range(self.count("list_vms"))]


class Extension(_Counts):
    """An extension that allows every caller three calls."""

    table = "extension_tried__calls"

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Count the call, and deny the fourth to a cloud."""
        if call.cloud and self.count(call.caller) > 3:
            raise Forbidden("Three are enough")
