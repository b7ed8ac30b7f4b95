"""The encoded text of a long answer, kept in a file instead of in memory."""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from orchestrator_core import memory
from orchestrator_core.api.resource import Response

_log = structlog.get_logger(__name__)

IN_MEMORY: Final = 1_048_576
"""The bytes of one answer that stay in memory; a client may take hours to read the rest."""

_BLOCK: Final = 262_144
_SHORT: Final = 65_536


class _File:
    """A file without a name that is closed when this object is collected."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile(buffering=0) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, at: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, at)

    def write(self, at: int, part: bytes) -> None:
        rest = memoryview(part)
        while rest:
            written = os.pwrite(self._descriptor, rest, at)
            rest, at = rest[written:], at + written


@dataclass(frozen=True, slots=True)
class _InFile:
    """A part of the text that is stored in a file."""

    file: _File
    start: int
    size: int

    def read(self, at: int) -> bytes:
        return self.file.read(self.start + at, min(_BLOCK, self.size - at))


class Encoded:
    """The text of an answer, which several callers may read at the same time.

    The file has no name and disappears with this object. If no file can be written, for example on
    a full disk, the text stays in memory. Creating this object blocks, so do it in a thread.

    Args:
        parts: the parts of the text in order; they are consumed one by one.
    """

    def __init__(self, parts: Iterable[bytes | Encoded]) -> None:
        self._pieces: list[bytes | _InFile] = []
        self._file: _File | None = None
        self._end = 0
        self._size = 0
        in_memory = 0
        for part in parts:
            self._size += len(part)
            if isinstance(part, Encoded):
                self._pieces += part._pieces  # noqa: SLF001 - of the same class
            elif in_memory + len(part) <= IN_MEMORY:
                in_memory += len(part)
                self._pieces.append(part)
            else:
                self._add_to_file(part)
        if self._size > IN_MEMORY:
            memory.trim_soon()

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(
            block
            for piece in self._pieces
            for block in ((piece,) if isinstance(piece, bytes) else _blocks(piece))
        )

    async def portions(self) -> AsyncIterator[bytes]:
        """Yield the text in blocks."""
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            for at in range(0, piece.size, _BLOCK):
                yield await asyncio.to_thread(piece.read, at)

    def _add_to_file(self, part: bytes) -> None:
        try:
            if self._file is None:
                self._file = _File()
            self._file.write(self._end, part)
        except OSError as error:
            _log.warning("long answer kept in memory", why=str(error))
            self._pieces.append(part)
            return
        before = self._pieces[-1]
        piece = _InFile(self._file, self._end, len(part))
        self._end += len(part)
        if isinstance(before, _InFile) and before.file is self._file:
            self._pieces[-1] = replace(before, size=before.size + len(part))
        else:
            self._pieces.append(piece)


Answer = bytes | Encoded


def answer_with(resp: Response, answer: Answer) -> None:
    """Set an encoded text as the body of a response."""
    if isinstance(answer, bytes):
        resp.data = answer
    elif len(answer) <= _SHORT:
        resp.data = bytes(answer)
    else:
        resp.content_length = len(answer)
        stream: Any = answer.portions()
        resp.stream = stream


def _blocks(piece: _InFile) -> Iterable[bytes]:
    return (piece.read(at) for at in range(0, piece.size, _BLOCK))
