"""The last good content of files that the settings name.

A worker that replaces a dead one reads these files again, because a secret may have been rotated.
If a file is missing, empty or unreadable at that time, the worker uses the content that the
server's first process has read. Its cloud then remains available.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_MOST_BYTES: Final = 2**20
"""The most bytes of a file; larger files are not secrets, certificates or lists of clouds."""

_REFERENCE: Final = "file:"

_kept: dict[Path, bytes] = {}

stale: set[Path] = set()
"""The unreadable files of which this process has used the kept content."""


def keep(sections: Mapping[str, Any], base: Path) -> None:
    """Remember the files that a part of the settings names by ``file:PATH`` or as a path.

    Args:
        sections: the part of the settings as it was read.
        base: the folder to which paths are relative.
    """
    for text in _texts(sections):
        path = (base / text.removeprefix(_REFERENCE)).absolute()
        with suppress(OSError, ValueError):
            if path.is_file() and 0 < path.stat().st_size <= _MOST_BYTES:
                _kept[path] = path.read_bytes()


def read_settings_file(path: Path) -> bytes:
    """Return the content of a file that the settings name, up to 1 MiB.

    If the file is missing, empty or unreadable, return the content that the server's first process
    has read, so that a worker that replaces a dead one can continue with it.

    Args:
        path: the absolute path, as :class:`FileField` returns it.

    Raises:
        OSError: when the file cannot be read and no content was kept.

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
    """Return whether the content of a file was kept."""
    return path.absolute() in _kept


def kept() -> dict[Path, bytes]:
    """Return the kept contents, for another process of this server."""
    return dict(_kept)


def take_over(files: Mapping[Path, bytes]) -> None:
    """Add the contents that another process of this server has kept."""
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
