"""The schema of the settings file; a plugin's own keys are checked by the plugin's schema."""

from __future__ import annotations

import re
from typing import Final

from marshmallow import RAISE, Schema, ValidationError, fields

from orchestrator_core.settings.cloud_schema import AssignmentSchema, CloudSchema, ExtensionSchema
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.schema_fields import OneOf, text
from orchestrator_core.settings.server_schema import (
    AuthSchema,
    MetricsSchema,
    PluginsSchema,
    ServerSchema,
    StateSchema,
)
from orchestrator_core.settings.traces_schema import TracesSchema

DEFAULT: Final = "default"
"""The name under which the API serves the default cloud; it is reserved."""

GIVEN: Final = "given"
"""The name of the backend that a server with [state] has, and of its section."""

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""The valid names of clouds, which are also path segments."""


def check_name(name: str) -> None:
    """Refuse a name that cannot be one segment of a path.

    Raises:
        ValidationError: with a description of valid names.
    """
    if not NAME.fullmatch(name) or set(name) == {"."}:
        raise ValidationError("a name has 1 to 64 of A-Z a-z 0-9 . _ - and is not only dots")
    if name == DEFAULT:
        raise ValidationError(f'"{DEFAULT}" is reserved for the default cloud')


def _sections(schema: type[Schema]) -> fields.Dict:
    return fields.Dict(keys=fields.String(validate=check_name), values=fields.Nested(schema))


class SettingsSchema(Schema):
    """The keys that stand before the first section."""

    model = Settings

    class Meta:
        """Options that make other keys an error."""

        unknown = RAISE

    default_cloud = text("The cloud that serves requests which name no cloud.", default="none")
    allow_removal = fields.List(
        fields.String(validate=OneOf(("auth", "state", "clouds"))),
        metadata={
            "description": "The sections that a reload may remove. A reload that lacks any other "
            "section in force is refused, because the file may be half-written."
        },
    )
    server = fields.Nested(ServerSchema)
    auth = fields.Nested(AuthSchema)
    metrics = fields.Nested(MetricsSchema)
    traces = fields.Nested(TracesSchema)
    plugins = fields.Nested(PluginsSchema)
    state = fields.Nested(StateSchema)
    clouds = _sections(CloudSchema)
    assignments = _sections(AssignmentSchema)
    extensions = _sections(ExtensionSchema)
