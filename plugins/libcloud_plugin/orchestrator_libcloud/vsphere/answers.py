"""Answers of a vSphere server, decompressed and read up to the cloud's ``max_answer``.

pyVmomi parses an answer while it reads it, and decompresses it without a limit.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from functools import partial
from http.client import HTTPResponse
from typing import Any, Final

from orchestrator_core import InvalidAnswer
from orchestrator_libcloud.http.call import Call

_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_EITHER: Final = zlib.MAX_WBITS + 32
"""Makes zlib detect its own header or gzip's."""

_PORTION: Final = 2**16


class BoundedResponse(HTTPResponse):
    """Answer whose body returns a limited number of bytes, counted after decompression.

    Args:
        call: the call of the answer, with its limit.
        args: the arguments of :class:`HTTPResponse`.
        kwargs: the keyword arguments of :class:`HTTPResponse`.
    """

    def __init__(self, call: Call, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._call = call
        self._left = call.terms.max_bytes
        self._unpacker: Any = None

    def begin(self) -> None:
        """Read the status and the headers."""
        super().begin()
        if self._encoding in _PACKED:
            self._unpacker = zlib.decompressobj(_EITHER)

    @property
    def _encoding(self) -> str:
        return str(super().getheader("Content-Encoding", "")).lower()

    def getheader(self, name: str, default: Any = None) -> Any:
        """Return a header; hide the encoding: pyVmomi must not decompress the body again."""
        is_hidden = self._unpacker is not None and name.lower() == "content-encoding"
        return default if is_hidden else super().getheader(name, default)

    def read(self, amt: int | None = None) -> bytes:
        """Return at most this many bytes of the body; without a number, all that are left.

        Raises:
            InvalidAnswer: the body is larger than the call may read.
        """
        if amt is None:
            return b"".join(iter(partial(self.read, _PORTION), b""))
        part = super().read(amt) if self._unpacker is None else self._unpacked(amt)
        self._left -= len(part)
        if self._left < 0:
            raise self._too_much()
        return part

    def _unpacked(self, amt: int) -> bytes:
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or super().read(_PORTION)
            if not packed:
                break
            if part := bytes(self._unpacker.decompress(packed, amt)):
                return part
        return b""

    def _too_much(self) -> Exception:
        with contextlib.suppress(OSError):
            self.close()
        terms = self._call.terms
        return self._call.end(
            InvalidAnswer(
                f"Cloud {terms.cloud} returned an answer of more than {terms.max_answer} MiB, "
                "the limit set by max_answer"
            )
        )


def bounded(call: Call) -> Callable[..., BoundedResponse]:
    """Return the class from which a connection makes its answers within a call."""
    return partial(BoundedResponse, call)
