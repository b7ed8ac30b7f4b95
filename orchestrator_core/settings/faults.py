"""The messages for faults in the settings: file, key, fault, and a valid value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from marshmallow import Schema, fields

from orchestrator_core.errors import SettingsError

if TYPE_CHECKING:
    from orchestrator_core.settings.model import Settings

Path_ = tuple[str, ...]
Fault = tuple[Path_, str]


ABOVE: Final = frozenset({"allow_removal", "default_cloud"})
"""The keys outside all sections; after a section's heading, TOML counts them to that section."""


class SettingsFaults(SettingsError):
    """Faults of settings by their places, so that they can be told together with others.

    Args:
        found: the faults.
        file: the settings file.
        origins: the environment variables by the places that they set.

    Attributes:
        rest: the settings without these faults; None if there are none.
    """

    def __init__(
        self, found: Iterable[Fault], file: Path | None, origins: Mapping[Path_, str]
    ) -> None:
        self.found = sorted(set(found))
        self.rest: Settings | None = None
        where = str(file) if file else "settings"
        super().__init__("\n".join(_line(path, what, where, origins) for path, what in self.found))


def nearest(word: str, options: Iterable[str]) -> str:
    """Return ``; did you mean "x"?`` for the option most similar to ``word``, or an empty text."""
    lowered = {option.lower(): option for option in options}
    found = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f'; did you mean "{lowered[found[0]]}"?' if found else ""


def faults(
    messages: Any, schema: Schema | None, path: Path_ = (), known: Iterable[str] = ()
) -> Iterator[Fault]:
    """Flatten marshmallow's messages, adding the nearest valid word to unknown keys.

    Args:
        messages: the value of ``ValidationError.messages``.
        schema: the schema that produced the messages.
        path: the place of the schema's data in the file.
        known: the other valid keys at this place.
    """
    if not isinstance(messages, Mapping):
        for message in messages if isinstance(messages, list) else [messages]:
            yield path, _sentence(str(message))
        return
    options = [*(schema.fields if schema else ()), *known]
    for key, inner in messages.items():
        field = schema.fields.get(str(key)) if schema else None
        if schema is not None and field is None and inner == ["Unknown field."]:
            yield (*path, str(key)), _unknown(str(key), path, options)
        elif key == "_schema":
            yield from faults(inner, None, path)
        else:
            yield from _inside(inner, field, (*path, str(key)))


def _unknown(key: str, path: Path_, options: Iterable[str]) -> str:
    if path and key in ABOVE:
        return f"unknown key here; {key} stands at the top of the file, above the first [section]"
    near = nearest(key, options)
    if path or near:
        return f"unknown key{near}"
    return f"unknown key or section; known are {', '.join(sorted(options))}"


def _inside(messages: Any, field: fields.Field[Any] | None, path: Path_) -> Iterator[Fault]:
    if isinstance(field, fields.Nested):
        yield from faults(messages, field.schema, path)
    elif isinstance(field, fields.Dict) and isinstance(messages, Mapping):
        for key, parts in messages.items():
            if isinstance(parts, Mapping):
                yield from faults(parts.get("key", []), None, (*path, str(key)))
                yield from _inside(parts.get("value", []), field.value_field, (*path, str(key)))
            else:
                yield from faults(parts, None, (*path, str(key)))
    else:
        yield from faults(messages, None, path)


def _sentence(message: str) -> str:
    message = message.rstrip(".")
    if message == "Missing data for required field":
        return "missing"
    if message == "Not a valid mapping type":
        return "must be a section with lines of its own, not one value"
    return message[:1].lower() + message[1:]


def settings_error(
    found: Iterable[Fault], file: Path | None, origins: Mapping[Path_, str]
) -> SettingsFaults:
    """Return one error with all faults, each on a separate line, sorted by key."""
    return SettingsFaults(found, file, origins)


def merged(
    errors: Sequence[SettingsError], file: Path | None, origins: Mapping[Path_, str]
) -> SettingsError:
    """Return one error for several, with the faults in the order of their keys."""
    found = [fault for one in errors if isinstance(one, SettingsFaults) for fault in one.found]
    others = [one.message for one in errors if not isinstance(one, SettingsFaults)]
    if not others:
        return settings_error(found, file, origins)
    told = [settings_error(found, file, origins).message] if found else []
    return SettingsError("\n".join([*told, *others]))


def _line(path: Path_, what: str, where: str, origins: Mapping[Path_, str]) -> str:
    for end in range(len(path), 0, -1):  # the key itself, or the table or list that contains it
        if variable := origins.get(path[:end]):
            inner = "".join(f"{key}: " for key in path[end:])
            return f"environment variable {variable}: {inner}{what}"
    section = f"[{'.'.join(path[:-1])}] " if len(path) > 1 else ""
    # A faulty section may be in the file, or may exist only because of a variable.
    below = [v for origin, v in origins.items() if path and origin[: len(path)] == path]
    also = f" (see environment variable {', '.join(below)})" if below else ""
    return f"{where}: {section}{path[-1] if path else ''}: {what}{also}"
