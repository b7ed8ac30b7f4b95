"""Decisions of API callers about orphans, each recorded as an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger.vm import VmKey
from orchestrator_core.broker.operations import updates
from orchestrator_core.broker.operations.change import Change, Made
from orchestrator_core.broker.operations.kinds import ADOPT, IGNORE, KINDS, STOP
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.broker.orphans import orphans
from orchestrator_core.errors import NodeNotFound

_DECISIONS: Final[Mapping[str, Callable[[Connection, VmKey, Requester], str]]] = MappingProxyType(
    {ADOPT.name: orphans.adopt, IGNORE.name: orphans.ignore, STOP.name: orphans.destroy}
)
"""The statements of each decision, by the kind of the operation that records it."""


class OrphanDecisions:
    """The decisions about orphans, for callers.

    Args:
        recorder: The recorder of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def decide(self, change: Change, kind: str, orphan_id: str) -> Made:
        """Record a decision about an orphan; a durable worker carries out a destruction.

        Args:
            change: The caller's change.
            kind: The kind of operation: ``adopt_vm``, ``ignore_orphan`` or ``stop_vm``.
            orphan_id: The id of the orphan.

        Raises:
            NodeNotFound: The VM is no orphan any more; another decision may have been made.
            Refused: The VM must not be destroyed; the message has the reason.
            KeyInUse: The requester's key stands for another operation.
        """

        def work(connection: Connection) -> tuple[Operation, None]:
            orphan = orphans.get(connection, orphan_id)
            if orphan is None:
                raise NodeNotFound(f"There is no orphan {orphan_id!r}")
            key = VmKey(orphan.cloud, orphan.node_id, orphan.name)
            operation = updates.get(connection, _DECISIONS[kind](connection, key, change.requester))
            assert operation is not None  # it was written in this transaction
            return operation, None

        change.permit.begin()
        operation, _ = await self._recorder.record_done(change, work)
        return KINDS[kind].made(operation)
