"""Writer of the entries, each in its own transaction."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy import Connection, insert

from orchestrator_audit.tables import entries
from orchestrator_core import Call, Forbidden, OrchestratorError, Outcome, State

_TOLD: Final = ("name", "image", "size", "node", "hostname", "user", "vm_type", "generation")
"""The parameters that are recorded. Callers may hide a password in any other parameter."""


class Trail:
    """The audit trail. Every method blocks until its entry is committed.

    Args:
        state: The database.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def begun(self, call: Call) -> None:
        """Record that a change is about to be made."""
        self._write(call, {"event": "begun", "node_id": call.parameters.get("node")})

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Record how a call ended."""
        how = {
            "event": "ended",
            "node_id": outcome.node_id or call.parameters.get("node"),
            "outcome": _word(outcome.error),
            "duration": outcome.duration,
            "attempts": outcome.attempts,
        }
        self._write(call, how)

    def _write(self, call: Call, how: dict[str, Any]) -> None:
        row = {
            "at": self._state.now,
            "operation_id": call.operation_id,
            "request_id": call.request_id,
            "caller": call.caller,
            "operation": call.operation,
            "cloud": call.cloud,
            "parameters": {
                name: call.parameters[name] for name in _TOLD if name in call.parameters
            },
            **how,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(entries).values(row))

        self._state.write(work)


def _word(error: BaseException | None) -> str:
    """Return one stable word for how a call ended; an error's text may hold a secret."""
    if error is None:
        return "ok"
    if isinstance(error, Forbidden):
        return "denied"
    if isinstance(error, OrchestratorError):
        return error.code
    return "caller_left" if isinstance(error, asyncio.CancelledError) else "internal_error"
