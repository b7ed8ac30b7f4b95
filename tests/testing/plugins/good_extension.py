"""A small naming policy that obeys the contract."""

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

if TYPE_CHECKING:  # The kit is installed with the tests only.
    from orchestrator_core.testing import Fake, Stage

TOKEN = "hunter2-token"


class GoodSettings(Schema):
    """The settings: the refused names, and the credentials of the policy's owner."""

    refused = fields.String(load_default="evil")
    token = SecretField(required=True)


class GoodExtension:
    """An extension that denies starts by their name."""

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
    """Return a fake that needs only a token."""
    from orchestrator_core.testing import Fake  # noqa: PLC0415 - installed with the tests only

    (stage.directory / "token").write_text(TOKEN)
    yield Fake(
        settings={"token": f"file:{stage.directory / 'token'}"},
        denied={"name": "evil-twin"},
        allowed={"name": "a-good-name"},
        settle=0.4,
    )
