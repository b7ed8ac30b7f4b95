"""Gunicorn's parser of HTTP/1.1, as strict about a chunked body as about the headers."""

from __future__ import annotations

from typing import Any, Final

from gunicorn.asgi import protocol
from gunicorn.asgi.parser import (
    InvalidChunkSize,
    InvalidHeader,
    InvalidHeaderName,
    ParseError,
    PythonProtocol,
)

_MOST_DIGITS: Final = 16
"""The most hexadecimal digits of a chunk's size: 64 bits, as in proxies."""


class Parser(PythonProtocol):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn 27.0's parser with checks of chunk sizes and trailer fields.

    Gunicorn skips trailer lines without checking them and accepts sizes of any length. A proxy that
    reads such a line in another way would see another end of the body, and therefore another next
    request (RFC 9112, 7.1 and 11.2).
    """

    __slots__ = ()

    def _find_line(self, limit: int, error: Exception) -> int:
        """Return the end of the next line, or -1; refuse a line that no chunked body has."""
        try:
            end: int = super()._find_line(limit, error)
        except ParseError as refusal:
            # The error would refer to the frames of its traceback, and these to the error. Such a
            # cycle would keep all data that was read, until Python's collector runs.
            del error
            raise refusal.with_traceback(None) from None
        if end > 0 and self._state == "chunked":
            line = bytes(self._buffer[:end])
            if self._chunk_state == "trailer":
                self._check_field(line)
            elif len(line.partition(b";")[0].rstrip(b" \t")) > _MOST_DIGITS:
                raise InvalidChunkSize("chunk size of more than 64 bits")
        return end

    def _check_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if len(name) == len(line) or not self._is_valid_token(name):
            raise InvalidHeaderName("a trailer field without a valid name")
        if self._has_invalid_header_chars(value.strip(b" \t")):
            raise InvalidHeader("a trailer field with an invalid value")


def use_parser() -> None:
    """Make gunicorn's protocol use :class:`Parser`.

    The protocol names its parser in a global of its module, and has no option for another one.
    """
    module: Any = protocol
    module.PythonProtocol = Parser
