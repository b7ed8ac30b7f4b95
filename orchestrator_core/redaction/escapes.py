"""The decoding of escapes: percent-encoding and those of JSON, programs, shells, HTML and XML."""

from __future__ import annotations

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from orchestrator_core.redaction.views import View

PASSES: Final = 5
"""The number of times that escapes are decoded: each layer of JSON or URL encoding takes one."""

_ESCAPES: Final = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<bytes>(?:\\x[0-9A-Fa-f]{2})+)"
    r"|(?P<pair>\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})"
    r"|[\\%]u(?P<four>[0-9A-Fa-f]{4})"
    r"|\\u\{(?P<braces>[0-9A-Fa-f]{1,6})\}"
    r"|\\U(?P<eight>[0-9A-Fa-f]{8})"
    r"|\\(?P<octal>[0-3][0-7]{2})"
    r"|\\(?P<sign>[^A-Za-z0-9]|[abefnrtv0])"
    r"|(?P<entity>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
    r"|(?P<halves>[\ud800-\udbff][\udc00-\udfff])",
    re.DOTALL,
)
"""The escapes of RFC 3986, 2.1; RFC 8259, 7; the Python reference, "String literals"; HTML, 13.5.

The halves of a surrogate pair are joined too, because a stray backslash delays the first half by
one layer.
"""

_HALF: Final = re.compile(r"[\ud800-\udbff]")
_INVALID: Final = re.compile(r"[\udc80-\udcff]")
_ESCAPED: Final = 0xDC00
"""The number that ``surrogateescape`` adds to a byte that is not UTF-8 (PEP 383)."""

STRAYS: Final = ("%", "%u", "\\", "\\u", "\\x", "&", "&#", "&#x")
"""Beginnings of escapes, which swallow the first characters of the text after them."""

_SIGNS: Final = dict(zip("abefnrtv0", "\a\b\x1b\f\n\r\t\v\0", strict=True))
_LAST_CHARACTER: Final = 0x10FFFF
_BEYOND: Final = "\ufffd"


def unescaped(view: View) -> Iterator[View]:
    """Yield a view, and the result of each time that its escapes are decoded."""
    yield view
    for _ in range(PASSES):
        text = view.text
        if not _may_hold_escapes(text):
            return
        after = _undo(view)
        if after is None:
            return
        view = after
        yield view


def _may_hold_escapes(text: str) -> bool:
    if "%" in text or "\\" in text or "&" in text:
        return True
    return not text.isascii() and _HALF.search(text) is not None


def plain(text: str) -> str:
    """Return a text with all its escapes decoded."""
    return list(unescaped(View(text)))[-1].text


def swallowed(text: str) -> Iterator[str]:
    """Yield the results of a text when the beginning of an escape precedes it.

    ``%`` before ``41-rest`` makes ``A-rest``. Such a text cannot be distinguished from an escape,
    so that the result has to be known as a form of the text.
    """
    for stray in STRAYS:
        match = _ESCAPES.match(stray + text)
        if match is not None and match.end() > len(stray):
            yield from (view.text for view in list(unescaped(View(stray + text)))[1:])


class _Breaks:
    """The places of the escaped characters; the text between them is unchanged."""

    def __init__(self) -> None:
        self._after: list[int] = []
        self._before: list[int] = []
        self._widths: list[int] = []

    def add(self, after: int, before: int, width: int) -> None:
        """Add a character with its place now, its place before, and its former length."""
        self._after.append(after)
        self._before.append(before)
        self._widths.append(width)

    def start(self, index: int) -> int:
        """Return the place where the character at ``index`` began."""
        at = bisect_right(self._after, index) - 1
        if at < 0:
            return index
        beyond = index - self._after[at]
        return self._before[at] + (self._widths[at] + beyond - 1 if beyond else 0)

    def stop(self, index: int) -> int:
        """Return the place where the character before ``index`` ended."""
        at = bisect_left(self._after, index) - 1
        if at < 0:
            return index
        return self._before[at] + self._widths[at] + index - self._after[at] - 1

    def moved(self, place: int) -> int:
        """Return the present place of a former place."""
        at = bisect_left(self._before, place) - 1
        if at < 0:
            return place
        beyond = place - self._before[at] - self._widths[at]
        if beyond < 0:  # within an escape, of which nothing is left now
            return self._after[at]
        return self._after[at] + 1 + beyond


def _undo(view: View) -> View | None:
    """Return a view with one layer of escapes decoded; None if there are none."""
    text = view.text
    parts: list[str] = []
    breaks = _Breaks()
    last = length = 0
    for match in _ESCAPES.finditer(text):
        begin = match.start()
        if begin > last:
            parts.append(text[last:begin])
            length += begin - last
        last = match.end()
        for char, width in _meaning(match):
            breaks.add(length, begin, width)
            parts.append(char)
            length += 1
            begin += width
    if not last:
        return None
    parts.append(text[last:])
    ends = tuple(map(breaks.moved, view.ends))
    return View("".join(parts), ends=ends, parent=view, source=breaks)


def _meaning(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    """Yield the characters of an escape, each with the number of characters that wrote it."""
    kind, found = match.lastgroup, match[0]
    if kind == "sign":
        yield _SIGNS.get(found[1], found[1]), len(found)
    elif kind == "percent":
        yield from _of_bytes(bytes.fromhex(found.replace("%", "")), 3)
    elif kind == "bytes":
        yield from _of_bytes(bytes.fromhex(found.replace("\\x", "")), 4)
    elif kind == "entity":
        width = len(found)
        for char in html.unescape(found):
            yield char, width
            width = 0
    elif kind == "halves":
        yield _joined(found), len(found)
    elif kind == "pair":
        yield _joined(chr(int(found[2:6], 16)) + chr(int(found[8:], 16))), len(found)
    else:
        assert kind is not None
        number = int(match[kind], 8 if kind == "octal" else 16)
        yield chr(number) if number <= _LAST_CHARACTER else _BEYOND, len(found)


def _joined(halves: str) -> str:
    """Return the character of a surrogate pair."""
    return halves.encode("utf-16", "surrogatepass").decode("utf-16")


def _of_bytes(raw: bytes, width: int) -> Iterator[tuple[str, int]]:
    """Yield the characters of bytes; each byte that is not UTF-8 becomes one of Latin-1."""
    for char in raw.decode(errors="surrogateescape"):
        if char.isascii():
            yield char, width
        elif _INVALID.match(char):
            yield chr(ord(char) - _ESCAPED), width
        else:
            yield char, width * len(char.encode())
