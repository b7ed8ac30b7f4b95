"""The secrets in the plugins' parts of the settings, even if no plugin object is made.

A command such as ``orchestrator operations show`` makes no plugin objects, but shows messages from
clouds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from marshmallow import Schema

from orchestrator_core.redaction import (
    LEAST,
    keep_inside,
    keep_named,
    keep_plain,
    keep_secret,
    texts,
)
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.paths import BASE_DIRECTORY, base_directory
from orchestrator_core.settings.secrets import Secret, is_reference, reveal_all


def keep_references(settings: Settings) -> None:
    """Register all secrets that the plugins' settings name by ``env:`` or ``file:`` for redaction.

    A reference that cannot be read is reported later, when the plugin's schema loads it.
    """
    for _, table in _plugin_tables(settings):
        keep_named(table)
        for _, text in texts(table):
            if is_reference(text):
                with suppress(ValueError):
                    Secret(text).reveal()


def keep_handed(settings: Settings) -> None:
    """Register every secret in settings that this process has not read itself.

    A process that got the settings from its parent has read no file and no variable, so it
    knows no secret yet.
    """
    base = BASE_DIRECTORY.set(base_directory(settings.file))
    try:
        keep_references(settings)
        for cloud in settings.clouds.values():
            _keep_defaults(cloud.start)
        found = [*settings.auth.tokens.values(), *([settings.state.url] if settings.state else [])]
        for secret in found:
            with suppress(ValueError):
                if is_reference(secret.reference):
                    keep_secret(secret.reveal(), secret.reference)
                else:
                    keep_plain(secret.reveal())
    finally:
        BASE_DIRECTORY.reset(base)


def _keep_defaults(start: Mapping[str, Any]) -> None:
    """Register the secrets in the defaults of a cloud's starts."""
    with suppress(ValueError):
        revealed = reveal_all(dict(start))  # registers those that references name
        keep_named(revealed.get("options", {}))
        keep_inside(revealed.get("user_data", ""))


def keep_marked(schema: Schema, loaded: dict[str, Any]) -> None:
    """Register the texts that a schema marks as secret without a ``SecretField``.

    Args:
        schema: a plugin's schema, in which such a field has ``metadata={"secret": True}``.
        loaded: the values that the schema has loaded.
    """
    for name, field in schema.fields.items():
        if field.metadata.get(_MARKED):
            for _, text in texts(loaded.get(field.attribute or name)):
                keep_secret(text, f"the value {text}")


def short_secrets(settings: Settings) -> Iterator[str]:
    """Yield the keys of secrets that are too short to be removed from all texts."""
    for name, secret in settings.auth.tokens.items():
        if _is_short(secret):
            yield f"auth.tokens.{name}"
    for path, table in _plugin_tables(settings):
        for key, text in _named(table, path):
            if is_reference(text) and _is_short(Secret(text)):
                yield key


_MARKED: Final = "secret"


def _is_short(secret: Secret) -> bool:
    try:
        value = secret.reveal()
    except ValueError:
        return False
    return len(value) < LEAST


def _plugin_tables(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("clouds", "assignments", "extensions"):
        for section in getattr(settings, kind).values():
            yield f"{kind}.{section.name}", section.plugin


def _named(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _named(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, path)
