"""Three extensions for the tests: one that denies and changes, one that writes down, one broken."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields

from orchestrator_core import Call, Forbidden, Outcome, PluginContext, hookimpl


class Gate:
    """Denies to stop node 1; gives every start the smallest size, and guests a lease.

    Lists of assignments show those of ann alone, and no operation can be looked at.
    """

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Deny or change."""
        if call.operation == "stop_vm" and call.parameters.get("node") == "1":
            raise Forbidden("Node 1 is protected")
        if call.operation == "get_operation":
            raise Forbidden("Operations are not shown")
        if call.operation == "list_assignments":
            call.parameters["user"] = "ann"
        if call.operation == "start_vm":
            call.parameters["size"] = "1"
        if call.operation == "assign_vm" and call.parameters["user"] == "guest":
            call.parameters["lease"] = call.parameters["vm_type"]


class TrailSettings(Schema):
    """Where to write."""

    path = fields.String(required=True)


class Trail:
    """Appends a line for every call."""

    settings_schema = TrailSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._path = Path(settings["path"])

    @hookimpl
    def after_call(self, call: Call, outcome: Outcome) -> None:
        """Write it down."""
        line = {
            "operation": call.operation,
            "cloud": call.cloud,
            "caller": call.caller,
            "request_id": call.request_id,
            "parameters": call.parameters,
            "error": type(outcome.error).__name__ if outcome.error else None,
            "duration": outcome.duration,
            "attempts": outcome.attempts,
            "result": type(outcome.result).__name__,
            "node_id": outcome.node_id,
            "operation_id": call.operation_id,
        }
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


class FailingSettings(Schema):
    """How to fail."""

    how = fields.String(required=True)


class Failing:
    """Raises, or never comes back."""

    settings_schema = FailingSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._how = settings["how"]

    @hookimpl
    def before_call(self) -> None:
        """Fail."""
        if self._how == "hang":
            time.sleep(30)
        raise RuntimeError("a secret: 3f9c1d2e4b5a69788796a5b4c3d2e1f0")
