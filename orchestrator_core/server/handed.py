"""The settings in force, passed from the master to the durable worker that it starts.

Otherwise a durable worker that replaces a dead one would read the settings file, which may be
half-edited, unreadable or missing by then.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

import structlog

from orchestrator_core.run_directory import inherit, inherited
from orchestrator_core.settings import kept_files
from orchestrator_core.settings.exposure import keep_handed
from orchestrator_core.settings.model import Settings
from orchestrator_core.settings.snapshot import current, prove, take

_log = structlog.get_logger(__name__)

_MOST_BYTES: Final = 2**26


@contextmanager
def handed_over() -> Iterator[BinaryIO]:
    """Yield an unnamed file with the settings in force, for use as a process's standard input.

    A pipe could block the master. The file is in memory because it contains secrets.
    """
    with _unnamed() as stream:
        pickle.dump((current(), kept_files.kept(), inherited()), stream)
        stream.seek(0)
        yield stream


def _unnamed() -> BinaryIO:
    try:
        return os.fdopen(os.memfd_create("orchestrator-settings"), "w+b")
    except (AttributeError, OSError):  # not Linux, or not permitted
        return cast(BinaryIO, tempfile.TemporaryFile())


def take_over() -> Settings | None:
    """Return the settings that the parent wrote to standard input, and put them in force.

    Returns:
        The settings, or None when this version cannot use them; the caller then reads the file.
    """
    try:
        # Only the parent that started this process can have written this.
        data = sys.stdin.buffer.read(_MOST_BYTES)
        settings, files, facts = pickle.loads(data)  # noqa: S301
        return _take(settings, files, facts)
    except Exception as error:  # noqa: BLE001 - another version's data may raise any error
        _log.warning("settings are read from their file again", why=type(error).__name__)
        return None


def _take(settings: Settings, files: dict[Path, bytes], facts: frozenset[str]) -> Settings:
    inherit(facts)
    kept_files.take_over(files)
    keep_handed(settings)
    take(settings)
    prove()
    return settings
