"""The interface of the code that carries on with operations of one kind."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sqlalchemy import Connection

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud


class Handler(ABC):
    """Carries on with operations that no caller waits for any more.

    Args:
        recorder: of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @classmethod
    def make(cls, recorder: Recorder, namesakes: Namesakes) -> Handler:  # noqa: ARG003
        """Return the handler of a broker.

        Args:
            recorder: of this process.
            namesakes: refuses VMs that a backend cannot tell from others.
        """
        return cls(recorder)

    @abstractmethod
    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Make one attempt of an operation that this process has acquired.

        Args:
            operation: as it was acquired.
            cloud: the operation's.
            backend: the cloud's assignment backend; None when it has none.

        Returns:
            The operation as it was written after the attempt.
        """

    @staticmethod
    def abandon(connection: Connection, operation: Operation, who: Requester) -> None:
        """Write what else becomes of an operation that an operator abandons; here, nothing."""
        del connection, operation, who
