"""Three extensions for the tests: one denies and changes, one records, one is broken."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields

from orchestrator_core import Call, Forbidden, Outcome, PluginContext, hookimpl


class Gate:
    """An extension that denies stops of node 1 and gives starts the smallest size, guests a lease.

    Lists of assignments show only ann's, and reading an operation is denied.
    """

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        pass

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Deny or change the call."""
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


class PlacingSettings(Schema):
    """The settings of :class:`Placing`."""

    fields = fields.Dict(required=True)


class Placing:
    """An extension that gives every start more fields."""

    settings_schema = PlacingSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._fields = settings["fields"]

    @hookimpl
    def before_call(self, call: Call) -> None:
        """Change the start."""
        if call.operation == "start_vm":
            call.parameters.update(self._fields)


class TrailSettings(Schema):
    """The settings of :class:`Trail`."""

    path = fields.String(required=True)


class Trail:
    """An extension that appends a line for every call."""

    settings_schema = TrailSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._path = Path(settings["path"])

    @hookimpl
    def after_call(self, call: Call, outcome: Outcome) -> None:
        """Record the call."""
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
    """The settings of :class:`Failing`."""

    how = fields.String(required=True)


class Failing:
    """An extension that raises or hangs."""

    settings_schema = FailingSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._how = settings["how"]

    @hookimpl
    def before_call(self) -> None:
        """Raise or hang."""
        if self._how == "hang":
            time.sleep(30)
        raise RuntimeError("a secret: 3f9c1d2e4b5a69788796a5b4c3d2e1f0")
