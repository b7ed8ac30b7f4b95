"""The decoding of base64 and hexadecimal at any place in a text.

The whole text is decoded from every place where a group of digits can begin. Signs that are not
digits count as zeros. Digits that encode something else produce random bytes, in which nothing is
found.
"""

from __future__ import annotations

import re
import string
from binascii import a2b_base64, unhexlify
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from orchestrator_core.redaction.escapes import unescaped
from orchestrator_core.redaction.views import View

DEPTH: Final = 3
"""The number of layers of base64 or hexadecimal that are decoded."""

_BASE64: Final = (string.ascii_letters + string.digits + "+/-_").encode()
_HEX: Final = string.hexdigits.encode()
_SPACES: Final = b" \t\r\n"
_ZEROS: Final = b"AAAAAA"


def _table(digits: bytes, other: str, **signs: bytes) -> bytes:
    """Return a table that keeps digits, replaces signs by a letter, and others by ``other``."""
    named = {byte: ord(letter) for letter, group in signs.items() for byte in group}
    return bytes(named.get(byte, byte if byte in digits else ord(other)) for byte in range(256))


_TO_BASE64: Final = _table(_BASE64, "A").translate(bytes.maketrans(b"-_", b"+/"))
"""The digits of standard base64 (RFC 4648, 4 and 5)."""

_TO_HEX: Final = _table(_HEX, "0")
_KINDS: Final = _table(b"", ".", x=_BASE64)
_HEX_KINDS: Final = _table(b"", ".", x=_HEX, s=b" :-")
_PRINTABLE: Final = _table(b"", ".", x=b"\t\n\r" + bytes(range(32, 127)), z=b"\0")

_LONG_LINE: Final = b"x" * 60
_WRAPPED: Final = re.compile(
    rb"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{60,}+\s{1,8}+)++[A-Za-z0-9+/_-]*+"
)
"""Base64 in lines of 64 (PEM, RFC 7468) or 76 columns (MIME, RFC 2045)."""

_BYTES: Final = b"s".join([b"xx"] * 6)
_SEPARATED: Final = re.compile(rb"[0-9A-Fa-f]{2}(?:[ :-][0-9A-Fa-f]{2}){5,}+")

_SPACE: Final = re.compile(rb"\s+")
_SEPARATOR: Final = re.compile(rb"[ :-]")

_LEAST: Final = 9
"""The base64 digits of eight bytes, without two that an escape may have swallowed."""

_LEAST_ESCAPED: Final = 9
"""The bytes of a text of eight characters with an escape among them."""

_LEAST_TEXT: Final = b"x" * _LEAST_ESCAPED
_TEXT: Final = re.compile(rb"x{%d,}" % _LEAST_ESCAPED)
_UTF8: Final = re.compile(
    rb"(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}"
    rb"|[\xf0-\xf4][\x80-\xbf]{3}){8,}+"
)
"""UTF-8 text of at least eight characters."""

_LEAST_WIDE: Final = b"xz" * (_LEAST_ESCAPED - 1) + b"x"
_WIDE: Final = re.compile(rb"x(?:zx){%d,}" % (_LEAST_ESCAPED - 1))
"""ASCII in UTF-16: in either byte order, zeros stand between the other bytes."""

_LITTLE_SIGN: Final = re.compile(rb"[%\\&]\0")
_BIG_SIGN: Final = re.compile(rb"\0[%\\&]")
"""The beginning of an escape in UTF-16. A text with other than ASCII characters contains no further
layer without an escape.
"""

_WIDE_REACH: Final = 4096
"""The bytes of UTF-16 that are read before and after such a sign."""

_MOST_SIGNS: Final = 64

_GAP: Final = b"\x01"
"""The separator of decoded pieces; it is in no secret and not printable."""


def all_views(view: View, *, is_ascii: bool = True, depth: int = DEPTH) -> Iterator[View]:
    """Yield a view and all views that it stands for.

    Args:
        view: the view of a text.
        is_ascii: whether all secrets are ASCII; then a text with a secret in a further layer is
            too.
        depth: the number of layers of base64 or hexadecimal that are decoded.
    """
    for unescaped_view in unescaped(view):
        yield unescaped_view
        # Not only the last view: "%" before digits of base64 or hexadecimal need not be an escape.
        if depth and len(unescaped_view.text) >= _LEAST:
            yield from _decoded(unescaped_view, depth - 1, is_ascii=is_ascii)


def _decoded(view: View, depth: int, *, is_ascii: bool) -> Iterator[View]:
    """Yield one view of all that a view contains as base64 or hexadecimal, then its inner views."""
    raw = view.text.encode("ascii", "replace")
    collage = _Collage(view)
    collage.add_base64(raw, None)
    collage.add_hex(raw, None)
    if _LONG_LINE in raw.translate(_KINDS):
        for match in _WRAPPED.finditer(raw):
            collage.add_base64(*_joined(match, _SPACE))
    if _BYTES in raw.translate(_HEX_KINDS):
        for match in _SEPARATED.finditer(raw):
            collage.add_hex(*_joined(match, _SEPARATOR))
    data = _GAP.join(collage.data)
    whole = View(None, data, ends=collage.ends(), parent=view, source=collage)
    yield whole
    for part, source in _texts(data, is_ascii=is_ascii):
        ends = tuple(source.moved(place) for place in whole.ends if source.holds(place))
        found = View(part, ends=ends, parent=whole, source=source)
        inner = all_views(found, is_ascii=is_ascii, depth=depth)
        if not source.is_wide:
            next(inner)  # it is a part of the whole
        yield from inner


def _texts(data: bytes, *, is_ascii: bool) -> Iterator[tuple[str, _From]]:
    """Yield the texts in decoded bytes; other bytes contain no further layer."""
    kinds = data.translate(_PRINTABLE)
    if not is_ascii:
        for match in _UTF8.finditer(data):
            yield match[0].decode("latin-1"), _From(*match.span())
    elif _LEAST_TEXT in kinds:
        for match in _TEXT.finditer(kinds):
            begin, end = match.span()
            yield data[begin:end].decode("latin-1"), _From(begin, end)
    if _LEAST_WIDE in kinds:
        for match in _WIDE.finditer(kinds):
            begin, end = match.span()
            yield data[begin:end:2].decode("latin-1"), _From(begin, end, is_wide=True)
    if not is_ascii:
        yield from _wide_texts(data)


class _From:
    """The place of a text in the bytes from which it was decoded.

    Args:
        begin: the place where it begins.
        end: the place where it ends.
        is_wide: whether each of its characters takes two bytes.
    """

    def __init__(self, begin: int, end: int, *, is_wide: bool = False) -> None:
        self._begin, self._end = begin, end
        self._width = 2 if is_wide else 1
        self.is_wide = is_wide

    def start(self, index: int) -> int:
        """Return the place where the character at ``index`` begins."""
        return self._begin + index * self._width

    def stop(self, index: int) -> int:
        """Return the place where the character before ``index`` ends."""
        return self._begin + (index - 1) * self._width + 1

    def holds(self, place: int) -> bool:
        """Return whether a place of the bytes is in the text."""
        return self._begin < place <= self._end

    def moved(self, place: int) -> int:
        """Return how many characters are before a place of the bytes."""
        return -(-(place - self._begin) // self._width)


def _wide_texts(data: bytes) -> Iterator[tuple[str, _From]]:
    """Yield texts in UTF-16 with an escape and with other than ASCII characters."""
    yield from _texts_of(data, _LITTLE_SIGN, is_big=False)
    yield from _texts_of(data, _BIG_SIGN, is_big=True)


def _texts_of(data: bytes, sign: re.Pattern[bytes], *, is_big: bool) -> Iterator[tuple[str, _From]]:
    lasts = [0, 0]  # for even and odd places
    for match in islice(sign.finditer(data), _MOST_SIGNS):
        parity = match.start() % 2
        if match.start() < lasts[parity]:
            continue
        begin = max(parity, match.start() - _WIDE_REACH)
        lasts[parity] = match.start() + _WIDE_REACH
        units = data[begin : match.start() + _WIDE_REACH]
        units = units[: len(units) // 2 * 2]
        text = "".join(map(chr, memoryview(_little(units) if is_big else units).cast("H")))
        yield text, _From(begin, begin + len(units), is_wide=True)


def _little(units: bytes) -> bytes:
    """Return UTF-16 with the two bytes of each unit exchanged."""
    exchanged = bytearray(units)
    exchanged[::2], exchanged[1::2] = units[1::2], units[::2]
    return bytes(exchanged)


def _joined(match: re.Match[bytes], gap: re.Pattern[bytes]) -> tuple[bytes, list[int]]:
    """Return the matched text without its gaps, and the place of each of its signs."""
    found, begin = match[0], match.start()
    places: list[int] = []
    last = 0
    for hole in gap.finditer(found):
        places.extend(range(begin + last, begin + hole.start()))
        last = hole.end()
    places.extend(range(begin + last, match.end()))
    return gap.sub(b"", found), places


class _Piece(NamedTuple):
    """The places of a decoded piece's bytes in the view.

    Attributes:
        length: the number of decoded digits.
        places: the places of the digits in the view; None if the digits are the whole view.
        skip: the number of digits before the first byte.
        size: the number of bytes in a group.
        width: the number of digits in a group.
    """

    length: int
    places: list[int] | None
    skip: int
    size: int
    width: int

    def start(self, index: int) -> int:
        """Return the place of a byte's first digit."""
        return self._place(index * self.width // self.size)

    def stop(self, index: int) -> int:
        """Return the place after the last digit of the byte before ``index``."""
        return self._place(-(-index * self.width // self.size) - 1) + 1

    def moved(self, place: int) -> int:
        """Return how many whole bytes are before a place of the view."""
        digit = place if self.places is None else bisect_left(self.places, place)
        return max(0, (digit - self.skip) * self.size // self.width)

    def _place(self, digit: int) -> int:
        digit = min(digit + self.skip, self.length - 1)
        return digit if self.places is None else self.places[digit]


class _Collage:
    """Decoded pieces in a row, which are searched together.

    The place of a byte is computed only for the bytes of a secret, since most texts contain none.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._pieces: list[_Piece] = []
        self._offsets: list[int] = []
        self.data: list[bytes] = []

    def add_base64(self, digits: bytes, places: list[int] | None) -> None:
        """Append the bytes that digits encode as base64, for each possible start of a group."""
        standard = digits.translate(_TO_BASE64) + _ZEROS  # whole groups, whatever is skipped
        length, size = len(digits), len(standard)
        for skip in range(4):
            self.data.append(a2b_base64(standard[skip : size - (size - skip) % 4]))
            self._pieces.append(_Piece(length, places, skip, 3, 4))
        first = self.data[-4]
        if first.count(0) * 3 > len(first):  # UTF-16, as PowerShell encodes it
            self.data.append(first[::2])
            self._pieces.append(_Piece(length, places, 0, 3, 8))

    def add_hex(self, digits: bytes, places: list[int] | None) -> None:
        """Append the bytes that digits encode as hexadecimal, for each possible start of a byte."""
        standard = digits.translate(_TO_HEX)
        size = len(standard)
        for skip in range(2):
            self.data.append(unhexlify(standard[skip : size - (size - skip) % 2]))
            self._pieces.append(_Piece(size, places, skip, 1, 2))

    def ends(self) -> tuple[int, ...]:
        """Return the places at which the pieces may have been cut off."""
        found: list[int] = []
        if self._view.ends:
            for offset, piece, data in zip(self._begins(), self._pieces, self.data, strict=True):
                found += (offset + min(piece.moved(end), len(data)) for end in self._view.ends)
        return tuple(found)

    def start(self, index: int) -> int:
        """Return the place in the view where the byte at ``index`` begins."""
        begins = self._begins()
        at = bisect_right(begins, index) - 1
        return self._pieces[at].start(index - begins[at])

    def stop(self, index: int) -> int:
        """Return the place in the view where the byte before ``index`` ends."""
        begins = self._begins()
        at = bisect_left(begins, index) - 1
        return self._pieces[at].stop(index - begins[at])

    def _begins(self) -> list[int]:
        """Return the place where each piece begins."""
        if not self._offsets:
            offset = 0
            for piece in self.data:
                self._offsets.append(offset)
                offset += len(piece) + len(_GAP)
        return self._offsets
