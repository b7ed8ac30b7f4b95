"""Records of a running server in its run directory, for ``orchestrator doctor``.

``server.json`` has the settings in force as fingerprints, the addresses, and the last reload that
was refused. ``process-PID.json`` has the versions that one process of the server has loaded.

A fingerprint is a keyed hash of one value, with a key of its own for each server. It tells whether
two values are equal, and contains no secret.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator_core.process_identity import has_ended, read_process_identity
from orchestrator_core.resources import core_version
from orchestrator_core.run_directory import run_directory
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.secrets import Secret, is_kept

SERVER: Final = "server.json"
_PROCESS: Final = "process"
PROCESSES: Final = f"{_PROCESS}-*.json"

PYTHON: Final = "python"
CORE: Final = "vm-orchestrator"
"""The names of the interpreter and of the core among the versions of a process."""

_DIGEST: Final = 8
_KEY: Final = 16
"""Bytes."""

_NOT_COMPARED: Final = ("file", "origins")

Fingerprints = dict[str, str]
"""The fingerprint of each value, by its key, such as ``clouds.aws.region``."""


class _Noted:
    record: dict[str, Any] | None = None
    stamp: int = 0
    """The time of the file as this process has written it, in nanoseconds since 1970."""


def note_server(
    settings: Settings,
    addresses: Sequence[str] | None = None,
    kind: str = "server",
    pid: int | None = None,
) -> None:
    """Record that a server runs with these settings, at its start or after a reload.

    Args:
        settings: the settings in force.
        addresses: the addresses on which it listens, each as ``http://HOST:PORT`` or
            ``unix:PATH``; None for those recorded before.
        kind: ``server`` for gunicorn, ``asgi_server`` for another server of web workers, or
            ``worker`` for a durable worker that runs alone.
        pid: the first process of the server; by default this process.
    """
    before = _Noted.record or {}
    key = secrets.token_hex(_KEY)
    _write(
        {
            "kind": kind,
            "process": read_process_identity(pid),
            "pid": pid or os.getpid(),
            "version": core_version(),
            "prefix": sys.prefix,
            "file": None if settings.file is None else str(settings.file.resolve()),
            "loaded_at": time.time(),
            "key": key,
            "settings": fingerprints(settings, key),
            "origins": {".".join(path): name for path, name in settings.origins.items()},
            "addresses": before.get("addresses", []) if addresses is None else list(addresses),
            "refused": None,
        }
    )


def note_refusal(why: str) -> None:
    """Record that a reload was refused, until one succeeds."""
    if _Noted.record is not None:
        _write({**_Noted.record, "refused": {"at": time.time(), "detail": why}})


def is_noted() -> bool:
    """Return whether the first process of this server has made its record."""
    return (run_directory() / SERVER).exists()


def restore() -> None:
    """Write the record of this process again if it is missing; call this often.

    After SIGUSR2 two first processes share a run directory. The record of the new one gives way
    when that one has ended.
    """
    if _Noted.record is not None and _is_missing(_Noted.record["process"]):
        _write(_Noted.record)


def _is_missing(process: str) -> bool:
    file = run_directory() / SERVER
    try:
        stamp = file.stat().st_mtime_ns
        if stamp == _Noted.stamp:
            return False
        found = str(json.loads(file.read_text(encoding="utf-8"))["process"])
    except (OSError, ValueError, KeyError, TypeError):
        return True
    if found == process:
        _Noted.stamp = stamp
    return found != process and has_ended(found)


def note_process(kind: str, plugins: Mapping[str, str]) -> None:
    """Record which versions this process has loaded.

    Args:
        kind: ``web`` or ``worker``.
        plugins: the version of each distribution with a loaded plugin.
    """
    versions = {PYTHON: platform.python_version(), CORE: core_version(), **plugins}
    record = {"kind": kind, "process": read_process_identity(), "versions": versions}
    _put(run_directory() / f"{_PROCESS}-{os.getpid()}.json", record)


def forget_others(pids: Collection[int]) -> None:
    """Remove the records of all processes but these."""
    kept = {f"{_PROCESS}-{pid}.json" for pid in pids}
    with suppress(OSError):
        for file in run_directory().glob(PROCESSES):
            if file.name not in kept:
                file.unlink()


def fingerprints(settings: Settings, key: str) -> Fingerprints:
    """Return the fingerprint of each value in the settings."""
    return {
        ".".join(path): hashlib.blake2b(
            repr(_compared(value)).encode(), digest_size=_DIGEST, key=bytes.fromhex(key)
        ).hexdigest()
        for path, value in _values(settings, ())
    }


def variables(settings: Settings) -> dict[str, str]:
    """Return the variable of the environment that each value comes from, by the value's key."""
    named = {".".join(path): name for path, name in settings.origins.items()}
    for path, value in _values(settings, ()):
        if isinstance(value, Secret):
            kind, _, name = value.reference.partition(":")
            if kind == "env":
                named.setdefault(".".join(path), name)
    return named


def _compared(value: Any) -> Any:
    """Return what the fingerprint of a value is made of.

    A secret that is read again at each use may change without a reload.
    """
    if isinstance(value, Secret):
        return value.reveal() if is_kept(value) else value.reference
    return value


def _values(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Secret):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            if path or field.name not in _NOT_COMPARED:
                yield from _values(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _values(item, (*path, str(name)))
    elif value is not None:
        yield path, value


def _write(record: dict[str, Any]) -> None:
    _Noted.record = record
    file = run_directory() / SERVER
    _put(file, record)
    with suppress(OSError):
        _Noted.stamp = file.stat().st_mtime_ns


def _put(file: Path, record: Mapping[str, Any]) -> None:
    """Write a record at once, so that no reader sees a part of it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):  # a full disk must not keep the server from running
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:  # noqa: PTH123 - a descriptor
            json.dump(record, stream)
        draft.replace(file)
