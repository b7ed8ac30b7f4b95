"""A small policy about names that does what the contract says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

from orchestrator_core import (
    Call,
    Forbidden,
    Outcome,
    PluginContext,
    Secret,
    SecretField,
    hookimpl,
)

if TYPE_CHECKING:  # the kit, which only tests have
    from orchestrator_core.testing import Fake, Stage

TOKEN = "hunter2-token"


class GoodSettings(Schema):
    """Which names are refused, and how the policy's owner is told."""

    refused = fields.String(load_default="evil")
    token = SecretField(required=True)


class GoodExtension:
    """Denies starts by their name."""

    settings_schema: type[Schema] = GoodSettings
    fake = "good_extension:fake"

    def __init__(self, context: PluginContext, settings: dict[str, Any]) -> None:
        self.refused: str = settings["refused"]
        self.token: Secret = settings["token"]

    @hookimpl
    def before_call(self, call: Call) -> None:
        if call.operation == "start_vm" and call.parameters["name"].startswith(self.refused):
            raise Forbidden(self.reason(call))

    @hookimpl
    def after_call(self, call: Call, outcome: Outcome) -> None:
        pass

    def reason(self, call: Call) -> str:
        return f"No name may begin with {self.refused!r}"


@contextmanager
def fake(stage: Stage) -> Iterator[Fake]:
    """Nothing is needed but a token."""
    from orchestrator_core.testing import Fake  # noqa: PLC0415 - only tests have it

    (stage.directory / "token").write_text(TOKEN)
    yield Fake(
        settings={"token": f"file:{stage.directory / 'token'}"},
        denied={"name": "evil-twin"},
        allowed={"name": "a-good-name"},
        settle=0.4,
    )
