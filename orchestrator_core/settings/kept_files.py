"""The last good content of files that the settings name.

A worker that takes a dead one's place reads such files again: a secret may have been rotated
meanwhile. Where one is away, empty or unreadable just then, the worker uses what the server's
first process has read, so that its cloud goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_MOST_BYTES: Final = 2**20
"""Larger files are no secrets, certificates or lists of clouds."""

_REFERENCE: Final = "file:"

_kept: dict[Path, bytes] = {}

stale: set[Path] = set()
"""Files of which this process has used a kept content, because they could not be read."""


def keep(sections: Mapping[str, Any], base: Path) -> None:
    """Remember the files that a part of the settings names, by ``file:PATH`` or as a path.

    Args:
        sections: as they were read.
        base: the folder to which a path is relative.
    """
    for text in _texts(sections):
        path = (base / text.removeprefix(_REFERENCE)).absolute()
        with suppress(OSError, ValueError):
            if path.is_file() and 0 < path.stat().st_size <= _MOST_BYTES:
                _kept[path] = path.read_bytes()


def read_settings_file(path: Path) -> bytes:
    """Return the content of a file that the settings name, up to 1 MiB.

    Where the file is away, empty or unreadable, it is the content that the server's first process
    has read: a worker that takes a dead one's place then goes on with it.

    Args:
        path: absolute, as :class:`FileField` gives it.

    Raises:
        OSError: if it cannot be read and nothing was kept.

    .. versionadded:: 0.1
    """
    known = _kept.get(path.absolute())
    try:
        content = path.read_bytes()
    except OSError:
        if known is None:
            raise
        content = b""
    if content or known is None:
        stale.discard(path)
        return content
    stale.add(path)
    return known


def has(path: Path) -> bool:
    """Whether the content of a file was kept."""
    return path.absolute() in _kept


def kept() -> dict[Path, bytes]:
    """Return what was kept, for another process of this server."""
    return dict(_kept)


def take_over(files: Mapping[Path, bytes]) -> None:
    """Keep what another process of this server has kept."""
    _kept.update(files)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value and "\0" not in value:
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
