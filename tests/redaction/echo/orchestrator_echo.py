"""A cloud whose plugin passes on the texts of its upstream and its HTTP client."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import requests
from marshmallow import Schema, fields

from orchestrator_core import (
    CloudDescription,
    CloudError,
    Deadline,
    Node,
    PluginContext,
    Refused,
    Secret,
    SecretField,
    StartRequest,
    hookimpl,
    register_secret,
)


class EchoSettings(Schema):
    """The settings: the upstream's address."""

    url = fields.String(required=True)
    token = SecretField(required=True)
    own = fields.String(metadata={"secret": True})
    away = fields.Boolean(load_default=False)


class Echo:
    """A driver that logs in with its token, and continues with the session's."""

    settings_schema = EchoSettings

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self._url: str = settings["url"]
        self._token: Secret = settings["token"]
        self._away: bool = settings["away"]

    @hookimpl
    def describe(self) -> CloudDescription:
        """Return its name."""
        return CloudDescription("echo", "Echo")

    @hookimpl
    def list_nodes(self, deadline: Deadline) -> list[Node]:
        """Send a request, and pass on the answer."""
        self._ask("/nodes", CloudError)
        return []

    @hookimpl
    def start_vm(self, request: StartRequest, deadline: Deadline) -> Node:
        """Pass on the upstream's refusal."""
        self._ask("/start", Refused)
        raise CloudError("nothing was started")

    def _ask(self, path: str, kind: type[Exception]) -> None:
        if self._away:
            try:
                requests.get(self._url + path, timeout=2, params={"key": self._token.reveal()})
            except requests.RequestException as error:
                raise kind(str(error)) from error
        login = urllib.request.Request(
            f"{self._url}/login", headers={"X-Token": self._token.reveal()}
        )
        with urllib.request.urlopen(login, timeout=5) as answer:
            session = json.load(answer)["session"]
        register_secret(session)
        with urllib.request.urlopen(self._url + path, timeout=5) as answer:
            said = json.load(answer)["message"]
        try:
            raise ValueError(f"upstream: {said}")  # noqa: TRY301 - to stand in a traceback
        except ValueError as error:
            raise kind(said) from error
