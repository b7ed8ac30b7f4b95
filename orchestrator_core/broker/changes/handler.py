"""The interface of the code that resumes the operations of one kind."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sqlalchemy import Connection

from orchestrator_core.broker.changes.recorder import Recorder
from orchestrator_core.broker.ledger.namesakes import Namesakes
from orchestrator_core.broker.operations.operation import Operation, Requester
from orchestrator_core.clouds.backend import Backend
from orchestrator_core.clouds.cloud import Cloud


class Handler(ABC):
    """The base class of handlers, which resume operations whose callers no longer wait.

    Args:
        recorder: the recorder of this process.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @classmethod
    def make(cls, recorder: Recorder, namesakes: Namesakes) -> Handler:  # noqa: ARG003
        """Return a handler for a broker.

        Args:
            recorder: the recorder of this process.
            namesakes: the check that refuses VMs which a backend cannot tell apart from others.
        """
        return cls(recorder)

    @abstractmethod
    async def resume(
        self, operation: Operation, cloud: Cloud, backend: Backend | None
    ) -> Operation:
        """Make one attempt of an operation that this process has acquired.

        Args:
            operation: the operation as it was acquired.
            cloud: the cloud of the operation.
            backend: the cloud's assignment backend; None when it has none.

        Returns:
            The operation as recorded after the attempt.
        """

    @staticmethod
    def abandon(connection: Connection, operation: Operation, who: Requester) -> None:
        """Write the side effects of an abandoned operation; by default there are none."""
        del connection, operation, who
