"""The reader of the settings file and of the environment variables that override it."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from ast import literal_eval
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator_core.errors import SettingsError
from orchestrator_core.settings.environment import EnvironmentText
from orchestrator_core.settings.files import why_unusable
from orchestrator_core.settings.text import decode

FILE_VARIABLE: Final = "ORCHESTRATOR_CONFIG"
PREFIX: Final = "ORCHESTRATOR__"

_STRING: Final = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_TUPLE: Final = re.compile(rf"\({_STRING}(?:, {_STRING})*,?\)")
"""The ``repr`` of a tuple of strings."""


@dataclass(frozen=True, slots=True)
class Source:
    """Raw settings and their origins."""

    data: dict[str, Any]
    file: Path | None
    origins: dict[tuple[str, ...], str]


def read(file: Path | None, environ: Mapping[str, str] | None = None) -> Source:
    """Read ``file`` (or the file that ``ORCHESTRATOR_CONFIG`` names, if any) and the environment.

    ``ORCHESTRATOR__SERVER__BIND=...`` sets ``bind`` in ``[server]``. The type of a value depends on
    the setting. Until the setting's schema is known, the value is an :class:`EnvironmentText`.

    Raises:
        SettingsError: when the file cannot be read or is not TOML.
    """
    environ = os.environ if environ is None else environ
    if file is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])
    data = _read_toml(file) if file else {}
    origins: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if variable.startswith(PREFIX):
            path = _put(data, variable, environ[variable])
            origins[path] = variable
    return Source(data, file, origins)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decode(file.read_bytes()))
    except FileNotFoundError:
        raise SettingsError(
            f"{file}: there is no such file; correct --config{_init(file)}"
        ) from None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {why_unusable(file, error)}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: is {error.reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: is not valid TOML: {_tables_named(error)}") from None
    except RecursionError:
        raise SettingsError(f"{file}: is nested too deeply") from None


def _init(file: Path) -> str:
    """Return the command that would write this file; empty if its name is another."""
    if file.name != "orchestrator.toml":
        return ""
    return f", or run: orchestrator init {shlex.quote(str(file.parent))}"


def _tables_named(error: tomllib.TOMLDecodeError) -> str:
    """Return the parser's message with tables as they stand in the file.

    The parser shows the table ``[clouds.a]`` as the tuple ``('clouds', 'a')``.
    """
    return _TUPLE.sub(lambda found: f"[{'.'.join(literal_eval(found[0]))}]", str(error))


def _put(data: dict[str, Any], variable: str, text: str) -> tuple[str, ...]:
    words = variable.removeprefix(PREFIX).split("__")
    path: list[str] = []
    table = data
    for word in words[:-1]:
        key = _existing(table, word)
        path.append(key)
        inner = table.setdefault(key, {})
        if isinstance(inner, EnvironmentText):  # a whole table, of which this is one key
            inner = table[key] = inner.parse()
        if not isinstance(inner, dict):
            raise SettingsError(f"environment variable {variable}: {'.'.join(path)} is not a table")
        table = inner
    key = _existing(table, words[-1])
    table[key] = EnvironmentText(text)
    return (*path, key)


def _existing(table: Mapping[str, Any], word: str) -> str:
    """Return the table's key for a word of a variable, or the word in lower case.

    Keys in a file may have dots, dashes and capital letters; words of variables may not.
    """
    wanted = word.lower()
    for key in table:
        if key.lower().replace("-", "_").replace(".", "_") == wanted:
            return key
    return wanted
